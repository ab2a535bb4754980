"""fumi deliver in the place of mail.local and procmail: into files and accounts, and what it says to the MTA."""
import mailbox
import os
import re
import shutil
import stat
import subprocess
import tempfile

import pytest

import mta
from serving import BUILD, Server, message, others_can_run

FUMI = os.path.join(BUILD, "fumi")
MAIL = b"From: postmaster@gcd.org\nSubject: test\n\nHello\nFrom here\n"


@pytest.fixture(scope="module")
def place():
    path = tempfile.mkdtemp(prefix="fumi-local-")
    os.chmod(path, 0o755)
    p = mta.Place(path, FUMI)
    p.spool = os.path.join(path, "spool")
    os.mkdir(p.spool)
    os.chown(p.spool, 0, 8)  # Debian's group mail
    os.chmod(p.spool, 0o2775)
    for name in ("mail", "mail.local", "procmail"):
        os.symlink(FUMI, os.path.join(path, name))
    yield p
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def deliver(place):
    """deliver(*args, settings=...): as root, by the name mail.local, with these settings in /etc/fumi."""
    def run(*args, status=0, input=MAIL, settings="", name="mail.local", user=None):
        os.makedirs(os.path.join(place.etc, "fumi"), exist_ok=True)
        with open(os.path.join(place.etc, "fumi", "fumi.conf"), "w") as f:
            f.write(settings)
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
        r = place.inside(*become, os.path.join(place.path, name), *args, input=input.decode())
        assert r.returncode == status, (args, r.returncode, r.stderr)
        return r.stderr
    yield run
    for name in os.listdir(place.home):
        path = os.path.join(place.home, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    for name in os.listdir(place.spool):
        path = os.path.join(place.spool, name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def spool(place, more=""):
    return f"[delivery]\nmailbox = {place.spool}/%u\n{more}"


def test_figure_1(place, deliver):
    """/bin/mail -d sengoku < mail.txt"""
    deliver("-d", "sengoku", name="mail", settings=spool(place))
    path = os.path.join(place.spool, "sengoku")
    assert re.fullmatch(rb"From MAILER-DAEMON [\w :]+\nReturn-Path: <>\n" +
                        re.escape(MAIL.replace(b"\nFrom here", b"\n>From here")) + b"\n", read(path))
    st = os.stat(path)
    assert st.st_uid == mta.USER_UID and stat.S_IMODE(st.st_mode) == 0o600
    assert os.listdir(place.spool) == ["sengoku"]


def test_calling_forms(place, deliver):
    for args in (["-f", "a@b", "sengoku"], ["-r", "a@b", "-d", "sengoku"], ["-d", "sengoku", "-f", "a@b"],
                 ["-f", "<a@b>", "--", "sengoku"], ["-t", "-Y", "-a", "", "-f", "a@b", "-d", "sengoku"],
                 ["-7", "-s", "-f", "a@b", "sengoku"], ["-7", "-b", "-f", "a@b", "-d", "sengoku"]):
        deliver(*args, settings=spool(place))
    box = mailbox.mbox(os.path.join(place.spool, "sengoku"))
    assert len(box) == 7 and all(m["Return-Path"] == "<a@b>" and m.get_from().startswith("a@b ") for m in box)


def test_procmail(place, deliver):
    """As sendmail and Postfix call it; what only procmail can do is refused in so many words."""
    mail = b"From a@b Sun Jan  6 07:08:41 2002\n" + MAIL
    for args, user in ((["-Y", "-a", "detail", "-d", "sengoku"], None), (["-t", "-Y", "-a", "", "-d", "sengoku"], None),
                       (["-f", "a@b", "-o", "-d", "sengoku"], None), (["-f", "-", "-d", "sengoku"], None),
                       (["-a", ""], mta.USER_UID), (["-t", "-p"], mta.USER_UID), ([], mta.USER_UID)):
        deliver(*args, name="procmail", user=user, input=mail, settings="[delivery]\nmailbox = ./Mailbox\n")
    box = mailbox.mbox(os.path.join(place.home, "Mailbox"))
    assert len(box) == 7 and all(m["Return-Path"] == "<a@b>" for m in box)
    assert "no such user" in deliver("-t", "-d", "no-such-user", name="procmail", status=75, settings=spool(place))
    for args, word in ((["-m", "rc"], "Sieve"), (["-z"], "LMTP"), (["rc"], "recipes"), (["DEFAULT=/x"], "assignments"),
                       (["-x"], "usage: procmail"), ([], "usage: procmail")):
        assert word in deliver(*args, name="procmail", status=64, settings=spool(place))
    deliver("-d", "sengoku", name="procmail", status=78, settings="[nonsense]\n")


def test_what_mail_local_cannot_do(place, deliver):
    for args, word in ((["-l"], "listener"), (["-h", "x", "sengoku"], "./FILE"), (["-D", "pw", "sengoku"], "users")):
        assert word in deliver(*args, status=64, settings=spool(place))


@pytest.mark.parametrize("sender,path,line", [
    ('"john doe"@example.org', '"john doe"@example.org', '"john-doe"@example.org'),
    ("john doe@example.org", '"john doe"@example.org', "john-doe@example.org"),
    ("<a@b@c>", '"a@b"@c', "a@b@c"), ("<>", "", "MAILER-DAEMON"), ("", "", "MAILER-DAEMON"), ("sengoku", "sengoku", "sengoku"),
    ('"<>"@c', '"<>"@c', '"<>"@c'), ("j\u00f6@example.org", "j\u00f6@example.org", "j\u00f6@example.org")])
def test_senders(place, deliver, sender, path, line):
    """What a stranger may write into MAIL FROM is no reason to refuse mail; the local part is quoted where it must be."""
    deliver("-f", sender, "sengoku", settings=spool(place))
    text = read(os.path.join(place.spool, "sengoku")).decode()
    assert f"\nReturn-Path: <{path}>\nFrom: " in text and re.match(r"From (\S+) \w{3} \w{3} [ \d]\d ", text)
    assert text.count("\nFrom ") == 0 and (text.startswith(f"From {line} ") or f'From {path.replace(" ", "-")} ' in text)


def test_sender_of_the_from_line(place, deliver):
    deliver("sengoku", input=b"From x@example.org Sun Jan  6 07:08:41 2002\n" + MAIL, settings=spool(place))
    text = read(os.path.join(place.spool, "sengoku"))
    assert text.startswith(b"From x@example.org ") and text.count(b"\nFrom ") == 0
    assert b"\nReturn-Path: <x@example.org>\nFrom: " in text


@pytest.mark.parametrize("setting,quoted", [("rd", b"\n>>From"), ("o", b"\n>From"), ("cl", b"\n>From"),
                                            ("cl2", b"\n>From")])
def test_one_setting(place, deliver, setting, quoted):
    """The format is changed by one setting."""
    mail = MAIL + b">From\n".replace(b"From", b"From there")
    deliver("sengoku", settings="[delivery]\nmailbox = ./Maildir/\n", input=mail)
    (name,) = os.listdir(os.path.join(place.home, "Maildir", "new"))
    assert read(os.path.join(place.home, "Maildir", "new", name)) == b"Return-Path: <>\n" + mail
    deliver("sengoku", settings=f"[delivery]\nmailbox = ./Mailbox\nmbox-quoting = {setting}\n", input=mail)
    text = read(os.path.join(place.home, "Mailbox"))
    assert quoted + b" there\n" in text and (b"\nContent-Length: " in text) == setting.startswith("cl")


def test_statuses(place, deliver):
    deliver("-x", status=64)
    deliver(status=64)  # root has no mailbox of its own accord
    deliver("-f", "a\tb", "sengoku", status=64)
    deliver("-f", "a" * 600, "sengoku", status=64)
    assert "no such user" in deliver("no-such-user", status=67, settings=spool(place))
    deliver("sengoku", status=65, input=b"x" * 70000, settings="[store]\nmax-message = 64K\n" + spool(place))
    os.mkdir(os.path.join(place.spool, "sengoku"))
    assert "Is a directory" in deliver("sengoku", status=73, settings=spool(place))
    os.rmdir(os.path.join(place.spool, "sengoku"))
    os.symlink("/etc/passwd", os.path.join(place.spool, "sengoku"))
    deliver("sengoku", status=73, settings=spool(place))
    os.unlink(os.path.join(place.spool, "sengoku"))
    deliver("sengoku", status=77, settings=spool(place), user=65534)
    deliver("sengoku", status=78, settings="[nonsense]\n")
    deliver("sengoku", status=78, settings="[delivery]\nmbox-locks = fcntl, hope\n")
    open(os.path.join(place.spool, "sengoku.lock"), "w").close()
    assert "dotlock" in deliver("sengoku", status=75, settings=spool(place, "lock-timeout = 100ms\n"))
    deliver("sengoku", settings=spool(place, "lock-timeout = 100ms\nmbox-locks = flock, lockf\n"))


def test_never_for_good(place, deliver):
    deliver("-t", "no-such-user", status=75, settings=spool(place))


def test_several_recipients(place, deliver):
    deliver("sengoku", "no-such-user", "mail", status=67, settings=spool(place))
    assert sorted(os.listdir(place.spool)) == ["mail", "sengoku"]
    open(os.path.join(place.spool, "mail.lock"), "w").close()
    deliver("no-such-user", "mail", "sengoku", status=75, settings=spool(place, "lock-timeout = 100ms\n"))
    assert len(mailbox.mbox(os.path.join(place.spool, "sengoku"))) == 2


def test_own_account(place, deliver):
    deliver(settings="[delivery]\nmailbox = ./Mailbox\n", user=mta.USER_UID)
    assert b"Subject: test" in read(os.path.join(place.home, "Mailbox"))


def test_full_disk(place, deliver):
    """A file system of 100 KB: status 75, and the mailbox is as it was."""
    conf = os.path.join(place.path, "full.conf")
    big = os.path.join(place.path, "big")
    with open(big, "wb") as f:
        f.write(MAIL + b"x" * 300000)
    script = f"""mount -t tmpfs -o size=100k,mode=755 tmpfs {place.home} && chown {mta.USER_UID} {place.home} || exit 99
cd {place.path}
echo "$1" >{conf}
echo small | {FUMI} -c {conf} deliver sengoku || exit 98
before=$(find {place.home} -type f -exec cat '{{}}' + | md5sum)
{FUMI} -c {conf} deliver sengoku <{big}; status=$?
[ "$before" = "$(find {place.home} -type f -exec cat '{{}}' + | md5sum)" ] || exit 97
[ -z "$(find {place.home} -name '*.lock' -o -path '*/Maildir/tmp/*')" ] || exit 96
echo again | {FUMI} -c {conf} deliver sengoku || exit 95
exit $status"""
    for where in ("./Mailbox", "./Maildir/", "./Mailbox\nmbox-quoting = cl2"):
        r = place.inside("sh", "-c", script, "sh", f"[delivery]\nmailbox = {where}")
        assert r.returncode == 75 and "No space left" in r.stderr, (r.returncode, r.stderr)


# --- into accounts ---

@pytest.fixture(scope="module")
def server(place):
    s = Server(os.path.join(place.path, "server"), "--set", "delivery/detail-mailbox=yes")
    yield s
    s.close()


def bodies(account, box="INBOX"):
    c = account.server.imaplib(account)
    typ, n = c.select(box)
    out = []
    if typ == "OK" and n[0] != b"0":
        out = [d[1] for d in c.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(d, tuple)]
    c.logout()
    return out


def test_details(server):
    a = server.account()
    c = server.imaplib(a)
    c.create("lists")
    c.logout()
    user, domain = a.name.split("@")
    server.fumi("deliver", f"{user}+lists@{domain}", input=message("operand"))
    server.fumi("deliver", "-a", "lists", "-d", a.name, input=message("option"))
    server.fumi("deliver", "-a", f"{user}+lists@{domain}", a.name, input=message("address"))
    server.fumi("deliver", f"{user}+none@{domain}", input=message("no mailbox"))
    server.fumi("deliver", f"nobody+lists@{domain}", input=message("x"), status=67)
    got = bodies(a, "lists")
    assert [b"Subject: " + s in m for s, m in zip((b"operand", b"option"), got)] == [True, True] and len(got) == 2
    assert f"\r\nDelivered-To: {user}+lists@{domain}\r\n".encode() in got[0]
    assert len(bodies(a)) == 2


def test_details_without_a_server(place):
    s = Server(os.path.join(place.path, "server2"), "--set", "delivery/detail-mailbox=yes")
    a = s.account()
    user, domain = a.name.split("@")
    s.fumi("deliver", a.name, input=message("with"))
    s.close()
    s.fumi("deliver", f"{user}+INBOX@{domain}", input=message("without"))
    s.fumi("deliver", "-m", "No such box", a.name, input=message("without"), status=73)
    assert b"0 added, 1 skipped" not in s.fumi("verify", "-u", a.name)


@pytest.mark.skipif(not others_can_run(), reason="needs a clone that others can get to")
def test_qmail_into_the_store(place, server):
    """A default mailbox fumi:INBOX, and a program line, as the account's own user."""
    a = server.account()
    server.fumi("deliver", a.name, input=message("first"))
    uid = os.stat(a.dir).st_uid
    home = os.path.join(place.path, "home2")
    os.mkdir(home)
    os.chown(home, uid, uid)

    def qmail_local(default, status=0):
        r = subprocess.run([FUMI, "-c", server.info["conf"], "qmail-local", "--", a.name.split("@")[0], home,
                            a.name.split("@")[0], "", "", "example.org", "s@example.org", default], input=MAIL,
                           capture_output=True, timeout=60)
        assert r.returncode == status, r.stdout + r.stderr
    qmail_local("fumi:INBOX")
    qmail_local(f"|{FUMI} -c {server.info['conf']} deliver -f \"$SENDER\" -d {a.name}")
    got = bodies(a)
    assert len(got) == 3 and all(m.startswith(b"Return-Path: <s@example.org>\r\n") for m in got[1:])
    qmail_local(f"|{FUMI} -c {server.info['conf']} deliver -d {server.demo.name}", status=100)  # another's account


# --- locks for those who may not write the spool directory ---

def test_dotlock_program(place):
    helper = os.path.join(place.path, "fumi-dotlock")
    shutil.copy(os.path.join(BUILD, "src", "cli", "fumi-dotlock"), helper)
    os.chown(helper, 0, 8)
    os.chmod(helper, 0o2755)
    for name, uid in (("sengoku", mta.USER_UID), ("other", 65534)):
        path = os.path.join(place.spool, name)
        open(path, "w").close()
        os.chown(path, uid, uid)

    def run(*args):
        script = f"mount --bind {place.spool} /var/mail && exec setpriv --reuid={mta.USER_UID} " \
                 f"--regid={mta.USER_UID} --clear-groups \"$@\""
        return place.inside("sh", "-c", script, "sh", helper, *args).returncode
    lock = os.path.join(place.spool, "sengoku.lock")
    try:
        assert run("lock", "/var/mail/sengoku") == 0 and os.path.exists(lock)
        assert run("lock", "/var/mail/sengoku") == 75
        assert run("unlock", "/var/mail/sengoku") == 0 and not os.path.exists(lock)
        assert run("lock", "/var/mail/other") == 77 and run("unlock", "/var/mail/other") == 77
        for args in (["lock"], ["lock", "/var/mail/../mail/sengoku"], ["lock", "/var/mail/"], ["lock", "/tmp/x"],
                     ["lock", "/var/mailx/sengoku"], ["steal", "/var/mail/sengoku"]):
            assert run(*args) in (64, 77)
        open(lock, "w").close()  # root's
        assert run("unlock", "/var/mail/sengoku") == 77 and os.path.exists(lock)
    finally:
        for name in os.listdir(place.spool):
            os.unlink(os.path.join(place.spool, name))


# --- do all agree about locks? ---

@pytest.mark.parametrize("theirs,ours,status", [("fcntl, dotlock", "fcntl, dotlock", 0), ("flock", "flock, dotlock", 0),
                                                ("fcntl", "lockf", 0), ("flock", "fcntl, dotlock", 78),
                                                ("", "fcntl", 78)])
def test_check_locks(place, theirs, ours, status):
    programs = os.path.join(place.path, "programs")
    os.makedirs(programs, exist_ok=True)
    for name in ("postconf", "doveconf", "procmail", "mutt"):
        with open(os.path.join(programs, name), "w") as f:
            f.write(f"#!/bin/sh\necho '{theirs}'\n")
        os.chmod(f.name, 0o755)
    conf = os.path.join(place.path, "locks.conf")
    with open(conf, "w") as f:
        f.write(f"[delivery]\nmbox-locks = {ours}\n")
    r = place.inside("sh", "-c", f"mount --bind {programs} /usr/local/sbin && exec {FUMI} -c {conf} check-locks")
    assert r.returncode == status, r.stdout + r.stderr
    assert ("NOTHING IN COMMON" in r.stdout) == (status != 0) and "\nPostfix:" in r.stdout
