"""Unique ids of POP3: the same for ever, and taken over from the server that had the mail before."""
import os
import poplib
import ssl

import pytest
from serving import message

VALIDITY = 1275660208


def pop(server, account):
    context = ssl.create_default_context(cafile=server.cert)
    p = poplib.POP3_SSL("localhost", server.ports["pop3s"], context=context, timeout=60)
    p.user(account.name)
    p.pass_(account.password)
    return p


def uidls(server, account):
    """{subject: id}, by UIDL and TOP."""
    p = pop(server, account)
    out = {}
    for line in p.uidl()[1]:
        n, uid = line.split()
        subject = [h for h in p.top(int(n), 0)[1] if h.startswith(b"Subject: ")]
        out[subject[0].split(b" ", 1)[1].decode()] = uid.decode()
        assert p.uidl(n.decode()).split()[-1] == uid
    p.quit()
    return out


@pytest.fixture
def maildir(tmp_path):
    d = tmp_path / "Maildir"
    for sub in ("cur", "new", "tmp"):
        (d / sub).mkdir(parents=True)
    for i in range(5):
        name = f"cur/{1700000000 + i}.m{i}.host:2,S" if i < 3 else f"new/{1700000000 + i}.m{i}.host"
        (d / name).write_bytes(message(f"m{i}").replace(b"\r\n", b"\n"))
    return d


def dovecot(d):
    with open(d / "dovecot-uidlist", "w") as f:
        f.write(f"3 V{VALIDITY} N100 G0123456789abcdef0123456789abcdef\n")
        f.write("17 :1700000000.m0.host:2,\n")  # flags have changed since
        f.write("18 PUID18-99 W200 :1700000001.m1.host:2,S\n")
        f.write("25 :1700000003.m3.host\n")
    return {"m0": "00000011%08x" % VALIDITY, "m1": "UID18-99", "m3": "00000019%08x" % VALIDITY}


def courier(d):
    with open(d / "courierpop3dsizelist", "w") as f:
        f.write("/2 9 1700000000\n")
        f.write("1700000001.m1.host:2,S 200 3:1700000000\n1700000004.m4.host 200 8:1600000000\n")
    return {"m1": "UID3-1700000000", "m4": "UID8-1600000000"}


@pytest.mark.parametrize("kind", [dovecot, courier])
def test_maildir(server, account, maildir, kind):
    want = kind(maildir)
    server.fumi("import", "-u", account.name, "maildir", str(maildir))
    got = uidls(server, account)
    assert sorted(got) == ["m0", "m1", "m2", "m3", "m4"]
    assert {k: v for k, v in got.items() if k in want} == want
    assert len(set(got.values())) == 5
    # mail that comes later has ids of our own, those of before stay
    c = server.imaplib(account)
    c.append("INBOX", None, None, message("later"))
    c.select("INBOX")
    c.store("1", "+FLAGS", "\\Deleted")
    c.expunge()
    c.logout()
    after = uidls(server, account)
    later = after.pop("later")
    assert later not in got.values() and "." in later
    assert after == {k: v for k, v in got.items() if k in after} and len(after) == 4


def test_import_again(server, account, maildir):
    """An import that was broken off before the ids were written is started again."""
    server.fumi("import", "-u", account.name, "--no-uidl", "maildir", str(maildir))
    before = uidls(server, account)
    want = dovecot(maildir)
    out = server.fumi("import", "-u", account.name, "maildir", str(maildir))
    assert out.startswith(b"0 added, 5 skipped")
    assert uidls(server, account) == {**before, **want}
    os.unlink(maildir / "dovecot-uidlist")
    server.fumi("import", "-u", account.name, "maildir", str(maildir))
    assert uidls(server, account) == {**before, **want}


def test_mbox(server, account, tmp_path):
    """X-UIDL, as servers on mboxes keep it; the same id twice counts once."""
    with open(tmp_path / "mbox", "wb") as f:
        for i, uidl in enumerate((b"abc", b"d e", b"abc")):
            f.write(b"From a@example.org Sun Jan  6 07:08:41 2002\nX-UIDL: %s\n" % uidl)
            f.write(message(f"m{i}").replace(b"\r\n", b"\n") + b"\n")
    server.fumi("import", "-u", account.name, "mbox", str(tmp_path / "mbox"))
    got = uidls(server, account)
    assert got["m0"] == "abc" and got["m1"] != "d e" and len(set(got.values())) == 3
    # and once more: an id that a message has is not given to another, nor is one that any may get
    theirs = {name: uid.encode() for name, uid in got.items()}
    with open(tmp_path / "more", "wb") as f:
        for i, uidl in enumerate((b"abc", theirs["m1"], theirs["m1"].replace(b".2", b".6"), b"new")):
            f.write(b"From a@example.org Sun Jan  6 07:08:41 2002\nX-UIDL: %s\n" % uidl)
            f.write(message(f"more{i}").replace(b"\r\n", b"\n") + b"\n")
    server.fumi("import", "-u", account.name, "mbox", str(tmp_path / "more"))
    after = uidls(server, account)
    assert len(set(after.values())) == 7 and after["more3"] == "new"
    assert {name: after[name] for name in got} == got


@pytest.mark.parametrize("form", ["maildir", "mbox"])
def test_export_and_import(server, account, maildir, tmp_path, form):
    """Clients know the mail again in another account, whatever gave it its id; the octets stay the same."""
    dovecot(maildir)
    server.fumi("import", "-u", account.name, "maildir", str(maildir))
    c = server.imaplib(account)
    for m in (message("ours"), b"X-UIDL: forged\r\n" + message("theirs"), b"Subject: last\r\n\r\nX-UIDL: text\r\n"):
        c.append("INBOX", None, None, m)
    c.create("dovecot-uidlist")
    c.create("Work")
    c.append("Work", None, None, b"X-UIDL: other\r\n" + message("work"))
    c.select("INBOX")
    c.store("1,6", "+FLAGS", "(\\Flagged \\Seen)")
    c.logout()
    want = uidls(server, account)
    assert want["m1"] == "UID18-99" and len(set(want.values())) == 8
    out = tmp_path / "out"
    server.fumi("export", "-u", account.name, "--format", form, str(out))
    assert form == "mbox" or sorted(os.listdir(out / "INBOX")) == ["cur", "dovecot-uidlist", "new", "tmp"]
    other = server.account()
    for box in ("INBOX", "Work"):
        where = str(out / (box + (".mbox" if form == "mbox" else "")))
        assert b" 0 skipped" in server.fumi("import", "-u", other.name, "-m", box, form, where)
        assert server.fumi("import", "-u", other.name, "-m", box, form, where).startswith(b"0 added")
    assert uidls(server, other) == want
    both = []
    for a in (account, other):
        p = pop(server, a)
        both.append(sorted(b"\r\n".join(p.retr(i + 1)[1]) for i in range(8)))
        p.quit()
    assert both[0] == both[1]
    # and back, after it was lost: what had an id has it again
    c = server.imaplib(account)
    c.select("INBOX")
    c.store("1:*", "+FLAGS", "\\Deleted")
    c.expunge()
    c.logout()
    server.fumi("import", "-u", account.name, form, str(out / ("INBOX.mbox" if form == "mbox" else "INBOX")))
    after = uidls(server, account)
    assert after == want
