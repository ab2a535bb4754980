"""mbsync keeps a maildir and an account the same, both ways."""
import mailbox
import os
import subprocess

import pytest
from serving import message


class Mbsync:
    def __init__(self, server, account, directory):
        self.maildir = directory / "mail"
        self.maildir.mkdir()
        self.rc = directory / "mbsyncrc"
        self.rc.write_text(f"""
IMAPAccount fumi
Host localhost
Port {server.imaps}
User {account.name}
Pass "{account.password}"
SSLType IMAPS
SSLVersions TLSv1.3 TLSv1.2
CertificateFile {server.cert}

IMAPStore far
Account fumi

MaildirStore near
Path {self.maildir}/
Inbox {self.maildir}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
Sync All
""")

    def __call__(self):
        r = subprocess.run(["mbsync", "-c", str(self.rc), "-a"], capture_output=True, text=True, timeout=120)
        assert r.returncode == 0, r.stdout + r.stderr

    def near(self, box="INBOX"):
        """{subject: flags} of the maildir."""
        m = mailbox.Maildir(self.maildir / box, create=False)
        return {x["Subject"]: "".join(sorted(x.get_flags())) for x in m}


FLAGS = {"\\Seen": "S", "\\Flagged": "F", "\\Answered": "R", "\\Draft": "D", "\\Deleted": "T"}


def far(c, box="INBOX"):
    """{subject: flags} of the account, in a maildir's letters."""
    c.select(box, readonly=True)
    out = {}
    for part in c.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
        if isinstance(part, tuple):
            flags = part[0].decode()
            out[part[1].decode().split(":", 1)[1].strip()] = "".join(sorted(v for k, v in FLAGS.items() if k in flags))
    c.unselect()
    return out


def test_both_ways_twice(server, account, tmp_path):
    sync = Mbsync(server, account, tmp_path)
    c = server.imaplib(account)
    for i in range(5):
        c.append("INBOX", "(\\Seen)" if i == 1 else None, None, message(f"far {i}"))
    c.create("Lists")
    c.append("Lists", None, None, message("in a folder"))

    sync()
    assert sync.near() == far(c) == {"far 0": "", "far 1": "S", "far 2": "", "far 3": "", "far 4": ""}
    assert sync.near("Lists") == {"in a folder": ""}

    for turn in range(2):
        # new on both sides, deleted on both sides, flagged on both sides, and a folder
        near = mailbox.Maildir(sync.maildir / "INBOX", create=False)
        near.add(mailbox.MaildirMessage(message(f"near {turn}").replace(b"\r\n", b"\n")))
        for key, x in near.items():
            if x["Subject"] == f"far {2 * turn}":
                near.discard(key)
            elif x["Subject"] == "far 4":
                x.set_flags("SF" if turn == 0 else "RS")
                near[key] = x
        c.append("INBOX", "(\\Flagged)", None, message(f"later {turn}"))
        c.select("INBOX")
        uid = c.uid("SEARCH", "SUBJECT", f'"far {2 * turn + 1}"')[1][0]
        c.uid("STORE", uid, "+FLAGS", "(\\Deleted)")
        c.expunge()
        seen = c.uid("SEARCH", "SUBJECT", '"near 0"')[1][0] if turn == 1 else b""
        if seen:
            c.uid("STORE", seen, "+FLAGS", "(\\Answered)")
        c.unselect()
        mailbox.Maildir(sync.maildir / f"Near{turn}", create=True)

        sync()
        assert sync.near() == far(c)
        want = {"far 4": "FS" if turn == 0 else "RS", f"near {turn}": "", f"later {turn}": "F"}
        assert want.items() <= sync.near().items()
        assert f"far {2 * turn}" not in sync.near() and f"far {2 * turn + 1}" not in sync.near()
        assert any(line.endswith(f"Near{turn}".encode()) for line in c.list()[1])

    assert sync.near() == {"far 4": "RS", "near 0": "R", "near 1": "", "later 0": "F", "later 1": "F"}
    before = sorted(os.listdir(sync.maildir / "INBOX" / "cur") + os.listdir(sync.maildir / "INBOX" / "new"))
    sync()  # nothing left to do
    assert sorted(os.listdir(sync.maildir / "INBOX" / "cur") + os.listdir(sync.maildir / "INBOX" / "new")) == before
    assert far(c) == sync.near()
    c.logout()


@pytest.mark.parametrize("n", [300])
def test_many(server, account, tmp_path, n):
    sync = Mbsync(server, account, tmp_path)
    c = server.imaplib(account)
    box = mailbox.Maildir(sync.maildir / "INBOX", create=True)
    for i in range(n):
        box.add(mailbox.MaildirMessage(message(f"m {i}", "x" * i).replace(b"\r\n", b"\n")))
    sync()
    assert len(far(c)) == n
    sync()
    assert len(far(c)) == len(sync.near()) == n
    c.logout()
