"""Mail in by deliver and import, out by export, with and without the server."""
import mailbox
import os
import pwd
import re
import subprocess

import pytest
from serving import VECTORS, message, others_can_run


def bodies(c, box="INBOX"):
    c.select(box, readonly=True)
    return [p[1] for p in c.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(p, tuple)]


def test_deliver_through_the_server(server, account):
    """An idling client hears of it."""
    watcher = server.raw(account)
    watcher.ok(b"SELECT INBOX")
    tag = watcher.begin(b"IDLE")
    assert watcher.reply().startswith(b"+")
    server.fumi("deliver", "-d", account.name, input=message("lf").replace(b"\r\n", b"\n"))
    while watcher.reply() != b"* 1 EXISTS":
        pass
    server.fumi("deliver", "-d", account.name, "-f", "a@example.org", input=b"From a@b Sun Jan  6 07:08:41 2002\n" +
                message("from line"))
    while watcher.reply() != b"* 2 EXISTS":
        pass
    watcher.send(b"DONE\r\n")
    watcher.end(tag)
    c = server.imaplib(account)
    got = bodies(c)
    assert got[0].endswith(message("lf")) and got[1].endswith(message("from line"))
    assert not any(g.startswith(b"From ") or b"\nFrom a@b" in g for g in got)
    c.logout()
    watcher.close()


def test_deliver_says_what_is_wrong(server):
    assert b"nobody@example.org" in server.fumi("deliver", "-d", "nobody@example.org", input=message("x"), status=67)
    server.fumi("deliver", "-x", input=message("x"), status=64)


def test_deliver_without_a_server(own_server):
    s = own_server()
    a = s.account()
    s.fumi("deliver", "-d", a.name, input=message("with"))
    s.close()
    s.fumi("deliver", "-d", a.name, input=message("without"))
    s.fumi("verify", "-u", a.name)
    s.fumi("export", "-u", a.name, "--format", "eml", s.dir + "/out")
    files = [os.path.join(d, f) for d, _, fs in os.walk(s.dir + "/out") for f in fs if f.endswith(".eml")]
    texts = sorted(open(f, "rb").read() for f in files)
    assert len(texts) == 2 and b"Subject: with\r\n" in texts[0] and b"Subject: without\r\n" in texts[1]


@pytest.fixture
def maildir(tmp_path):
    """With folders, flags, and every message of a corpus."""
    box = mailbox.Maildir(tmp_path / "Maildir", create=True)
    work = box.add_folder("Work.2026")
    sent = []
    folder = os.path.join(VECTORS, "mime", "python-email")
    for i, name in enumerate(sorted(n for n in os.listdir(folder) if n.endswith((".txt", ".eml", ".msg")))):
        with open(os.path.join(folder, name), "rb") as f:
            text = f.read().replace(b"\r\n", b"\n")
        # an mbox has its own Status
        if text.startswith(b"From ") or b"\0" in text or b"\r" in text or b"\nStatus:" in text:
            continue
        m = mailbox.MaildirMessage()
        key = (work if i % 2 else box).add(text)
        m = (work if i % 2 else box)[key]
        m.set_flags(["", "S", "FS", "RS"][i % 4])
        m.set_date(1600000000 + i)
        sent.append(text.replace(b"\n", b"\r\n"))
    for b in (box, work):
        for key in list(b.keys()):
            path = os.path.join(b._path, b._lookup(key))
            target = os.path.join(b._path, "cur", os.path.basename(path).split(":")[0] + ":2,S")
            os.rename(path, target)
    return tmp_path / "Maildir", sent


def test_import_maildir_twice(server, account, maildir):
    path, sent = maildir
    assert f"{len(sent)} added, 0 skipped".encode() in server.fumi("import", "-u", account.name, "maildir", str(path))
    c = server.imaplib(account)
    folder = [box for box in c.list()[1] if b"2026" in box]
    assert len(folder) == 1 and b"Work/2026" in folder[0]
    got = bodies(c) + bodies(c, "Work/2026")
    assert sorted(got) == sorted(sent)
    c.select("INBOX", readonly=True)
    assert len(c.search(None, "SEEN")[1][0].split()) == len(bodies(c))
    assert f"0 added, {len(sent)} skipped".encode() in server.fumi("import", "-u", account.name, "maildir", str(path))
    assert sorted(bodies(c) + bodies(c, "Work/2026")) == sorted(sent)
    c.logout()
    server.fumi("verify", "-u", account.name)


@pytest.mark.parametrize("form", ["mbox", "maildir"])
def test_round_trip(server, account, maildir, tmp_path, form):
    """Out, and into another account: the same octets and dates, and flags where the format has them."""
    path, sent = maildir
    server.fumi("import", "-u", account.name, "maildir", str(path))
    c = server.imaplib(account)
    c.select("INBOX")
    c.store("1", "+FLAGS", "(\\Flagged Keyword)")
    c.store("2", "-FLAGS", "(\\Seen)")
    out = tmp_path / "out"
    server.fumi("export", "-u", account.name, "--format", form, str(out))
    other = server.account()
    for box in ("INBOX", "Work/2026"):
        where = out / (box + (".mbox" if form == "mbox" else ""))
        server.fumi("import", "-u", other.name, "-m", box, form, str(where))
    d = server.imaplib(other)
    for box in ("INBOX", "Work/2026"):
        both = []
        for x in (c, d):
            x.select(box, readonly=True)
            rows = x.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
            both.append(sorted((ended(p[1]), p[0].split(b"INTERNALDATE ")[1][:28],
                                form == "maildir" and sorted(set(p[0].split(b"FLAGS (")[1].split(b")")[0].split()) - {b"\\Recent", b"Keyword"}))
                               for p in rows if isinstance(p, tuple)))
        assert both[0] == both[1]
    c.logout()
    d.logout()


@pytest.mark.parametrize("quoting", ["rd", "o", "cl", "cl2"])
def test_round_trip_of_quotings(server, account, tmp_path, quoting):
    """Delivered into an mbox of each kind, and read again as what it is."""
    bodies_ = ["From here\n>From there\n>>From far\n", "x\n\nFrom a@b Sun Jan  6 07:08:41 2002\nSubject: no\n\ny\n",
               "\n\n\nFrom \x1b$B$N%F%9%H\x1b(B\n\n", "Content-Length: 3\n"]
    sent = [f"Subject: {i}\nContent-Length : {i + 20}\n\n{text}".encode() for i, text in enumerate(bodies_)]
    box = tmp_path / "box"
    with open(server.info["conf"]) as f:
        conf = f.read().replace("[delivery]\n", f"[delivery]\nmbox-quoting = {quoting}\n")
    (tmp_path / "conf").write_text(conf if "[delivery]" in conf else conf + f"\n[delivery]\nmbox-quoting = {quoting}\n")
    user = pwd.getpwuid(os.geteuid()).pw_name
    for m in sent:
        subprocess.run([server.info["fumi"], "-c", tmp_path / "conf", "deliver", "-f", "a@b", "-m", box, user], input=m,
                       check=True, timeout=60)
    assert b"4 added, 0 skipped" in server.fumi("import", "-u", account.name, "-q", quoting, "mbox", str(box))
    if quoting in ("cl", "cl2"):  # another's Content-Length is not left in
        sent = [re.sub(rb"Content-Length : .*\n", b"", m, count=1) for m in sent]
    if quoting in ("o", "cl"):
        sent = [m.replace(b"\nFrom ", b"\n>From ") for m in sent]
    c = server.imaplib(account)
    assert bodies(c) == [b"Return-Path: <a@b>\r\n" + m.replace(b"\n", b"\r\n") for m in sent]
    c.logout()


def test_export_names_the_sender(server, account, tmp_path):
    """The From_ line has the envelope's sender where the first Return-Path says it."""
    for sender in ("a@example.org", "", '"john doe"@example.org'):
        server.fumi("deliver", "-f", sender, "-d", account.name,
                    input=b"Return-Path: <forged@example.org>\nSubject: x\n\nx\n")
    c = server.imaplib(account)
    for text in (b"Subject: none\r\n\r\nx\r\n", b"Return-Path: c@d\r\n\r\n", b"Return-Path:\r\n <a@\xff b\r\n\r\n",
                 b"\r\nReturn-Path: <body@b>\r\n"):
        c.append("INBOX", None, '"06-Jan-2002 16:08:41 +0900"', text)
    c.logout()
    server.fumi("export", "-u", account.name, "--format", "mbox", str(tmp_path / "out"))
    with open(tmp_path / "out" / "INBOX.mbox", "rb") as f:
        lines = re.findall(rb"(?m)^From (\S+) \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$", f.read())
    assert lines == [b"a@example.org", b"MAILER-DAEMON", b'"john-doe"@example.org', b"MAILER-DAEMON", b"c@d", b"a@\xff-b",
                     b"MAILER-DAEMON"]


def ended(text):
    """An mbox cannot say that the last line has no end."""
    return text if text.endswith(b"\r\n") else text + b"\r\n"


def test_import_broken_off(own_server, tmp_path):
    """Killed in the middle, it goes on where it was, and nothing is there twice."""
    s = own_server()
    a = s.account()
    box = mailbox.Maildir(tmp_path / "big", create=True)
    for i in range(1500):
        box.add(message(f"m {i}", "x" * 2000).replace(b"\r\n", b"\n"))
    command = [s.info["fumi"], "-c", s.info["conf"], "import", "-u", a.name, "maildir", str(tmp_path / "big")]
    for seconds in (0.05, 0.15, 0.3):
        p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            p.wait(seconds)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
    s.fumi(*command[3:])
    c = s.imaplib(a)
    c.select("INBOX")
    subjects = [p[1].strip() for p in c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1] if isinstance(p, tuple)]
    assert sorted(subjects) == sorted(b"Subject: m %d" % i for i in range(1500))
    c.logout()
    s.fumi("verify", "-u", a.name)


def test_what_cannot_be_leaves_nothing(server, account, tmp_path):
    server.fumi("export", "-u", "nobody@example.org", "--format", "eml", str(tmp_path / "out"), status=67)
    assert not (tmp_path / "out").exists()
    assert b"is no file" in server.fumi("import", "-u", account.name, "mbox", str(tmp_path), status=66)


def test_dry_run_makes_nothing(server, tmp_path):
    a = server.account()
    (tmp_path / "box").write_bytes(b"From x@example.org Sun Jan  6 07:08:41 2002\n" + message("m"))
    assert b"1 added, 0 skipped (dry run)" in server.fumi("import", "-n", "-u", a.name, "mbox", str(tmp_path / "box"))
    assert not os.path.exists(a.dir)
    server.fumi("import", "-n", "-u", "nobody@example.org", "mbox", str(tmp_path / "box"), status=67)


@pytest.mark.skipif(not others_can_run(), reason="needs root, and a clone that others can get to")
@pytest.mark.parametrize("rule", ["vmail", "server"])
def test_one_uid_for_all(own_server, rule):
    """Mail that was put in while the server did not run is the same user's that sessions run as."""
    s = own_server("--set", f"store/uid={rule}", "--set", "store/vmail-user=64999")
    a = s.account()
    s.close()
    s.fumi("deliver", "-d", a.name, input=message("before"))
    owner = os.stat(a.dir).st_uid
    assert owner == 64999 if rule == "vmail" else owner == os.stat(os.path.dirname(os.path.dirname(a.dir))).st_uid


def test_export_tells_damage(own_server, tmp_path):
    """What a damaged log has lost cannot be named, but that something is missing is said."""
    s = own_server()
    c = s.raw(s.demo)
    for i in range(3):
        assert c.append(b"INBOX", message(f"m {i}")).startswith(b"OK")
    c.close()
    s.close()
    path = os.path.join(s.demo.dir, "log", "0000000000000001.seg")
    with open(path, "r+b") as f:
        f.seek(f.read().index(b"m 1"))
        f.write(b"M")
    for name in os.listdir(s.demo.dir):
        if name.startswith("view"):
            os.unlink(os.path.join(s.demo.dir, name))
    said = s.fumi("export", "-u", s.demo.name, "--format", "eml", str(tmp_path / "out"), status=65)
    assert b"is damaged" in said
    assert len(os.listdir(tmp_path / "out" / "INBOX")) == 2
