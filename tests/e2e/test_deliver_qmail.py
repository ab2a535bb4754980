"""qmail-local: figures 2, 3 and 5 of the source, and dot-qmail(5)."""
import concurrent.futures
import mailbox
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time

import pytest

from serving import BUILD

FUMI = os.path.join(BUILD, "fumi")
UID = 64901  # whose home it is, when the tests are run by root
ROOT = os.geteuid() == 0
MAIL = b"From: postmaster@gcd.org\nSubject: test\n\nHello\nFrom here\n"


class Home:
    def __init__(self, path):
        self.base = path
        self.path = os.path.join(path, "home", "sengoku")
        os.makedirs(self.path)
        self.program = os.path.join(path, "qmail-local")
        os.symlink(FUMI, self.program)
        self.own(self.path)
        os.chmod(self.path, 0o755)

    def own(self, path):
        if ROOT:
            os.chown(path, UID, UID)

    def file(self, name, text, mode=0o644):
        path = os.path.join(self.path, name)
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        self.own(path)
        return path

    def read(self, name):
        with open(os.path.join(self.path, name), "rb") as f:
            return f.read()

    def has(self, name):
        return os.path.exists(os.path.join(self.path, name))

    def run(self, *args, status=0, input=MAIL, conf=None):
        """With all its arguments; what it printed."""
        argv = [FUMI, "-c", conf, "qmail-local", *args] if conf else [self.program, *args]
        r = subprocess.run(argv, input=input, capture_output=True, timeout=120)
        out = (r.stdout + r.stderr).decode(errors="replace")
        assert r.returncode == status, (args, r.returncode, out)
        return out

    def deliver(self, dash="", ext="", sender="", default="./Mailbox", host="gcd.org", options=(), **kw):
        local = "sengoku" + dash + ext
        return self.run(*options, "sengoku", self.path, local, dash, ext, host, sender, default, **kw)

    def maildir(self, name="Maildir"):
        """The messages in new."""
        new = os.path.join(self.path, name, "new")
        return [self.read(os.path.join(name, "new", f)) for f in sorted(os.listdir(new))]


@pytest.fixture
def home():
    path = tempfile.mkdtemp(prefix="fumi-qmail-")
    os.chmod(path, 0o755)
    yield Home(path)
    shutil.rmtree(path)


# --- the figures ---

def test_figure_2(home):
    """qmail-local sengoku /home/sengoku sengoku '' '' 'gcd.org' '' ./Mailbox < mail.txt"""
    home.run("sengoku", home.path, "sengoku", "", "", "gcd.org", "", "./Mailbox")
    text = home.read("Mailbox")
    assert re.fullmatch(rb"From MAILER-DAEMON \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n"
                        rb"Return-Path: <>\nDelivered-To: sengoku@gcd\.org\n" +
                        re.escape(MAIL.replace(b"\nFrom here", b"\n>From here")) + b"\n", text)
    st = os.stat(os.path.join(home.path, "Mailbox"))
    assert stat.S_IMODE(st.st_mode) == 0o600 and (not ROOT or st.st_uid == UID)


def test_figure_3(home):
    """The third message, as it was at the MTA, makes the third of the figure's mailbox."""
    mail = ("Received: from localhost (HELO asao.gcd.org) (sengoku@127.0.0.1)\n"
            "  by localhost with SMTP; 6 Jan 2002 16:08:41 +0900\nDate: Sun, 06 Jan 2002 16:08:41 +0900\n"
            "Message-ID: <vpwuywj6rq.wl@asao.gcd.org>\nFrom: sengoku@gcd.org\nTo: sengoku@gcd.org\n\n"
            "From のテスト\n").encode("iso2022_jp")
    for sender in ("postmaster@gcd.org", "test@gcd.org", "sengoku@gcd.org"):
        home.deliver(sender=sender, input=mail)
    box = home.read("Mailbox")
    assert box.count(">From のテスト\n".encode("iso2022_jp")) == 3
    got = mailbox.mbox(os.path.join(home.path, "Mailbox"))
    assert [m.get_from().split()[0] for m in got] == ["postmaster@gcd.org", "test@gcd.org", "sengoku@gcd.org"]
    assert got[2]["Return-Path"] == "<sengoku@gcd.org>"


def test_figure_5(home):
    """Two lines: stored and piped."""
    os.mkdir(os.path.join(home.path, "bin"))
    shutil.copy(os.path.join(os.path.dirname(__file__), "../../share/examples/cmail-filter"),
                os.path.join(home.path, "bin", "cmail-filter"))
    home.file("sendmail", "#!/bin/sh\necho \"$@\" >>$HOME/sent\ncat >>$HOME/sent\n", 0o755)
    home.file(".qmail", f"./Maildir/\n|CMAIL_SENDMAIL=$HOME/sendmail {home.path}/bin/cmail-filter "
                        "090xxxxxxxx@cmail.ido.ne.jp\n")
    out = home.deliver(sender="a@example.org", input=MAIL + b"> quoted\n\n\nend\n")
    assert "did 1+0+1" in out
    (stored,) = home.maildir()
    assert stored == b"Return-Path: <a@example.org>\nDelivered-To: sengoku@gcd.org\n" + MAIL + b"> quoted\n\n\nend\n"
    sent = home.read("sent")
    assert b"090xxxxxxxx@cmail.ido.ne.jp" in sent and b"Hello\nFrom here\nend\n" in sent and b"quoted" not in sent
    for part in ("tmp", "new", "cur"):
        assert stat.S_IMODE(os.stat(os.path.join(home.path, "Maildir", part)).st_mode) == 0o700
    assert not os.listdir(os.path.join(home.path, "Maildir/tmp"))


# --- arguments ---

def test_arguments(home):
    for args in ((), ("sengoku", home.path), ("sengoku", "home", "sengoku", "", "", "gcd.org", "", "./Mailbox"),
                 ("-x", "sengoku", home.path, "sengoku", "", "", "gcd.org", "", "./Mailbox"),
                 ("sengoku", home.path, "sengoku", "", "", "gcd.org", "", "./Mailbox", "more")):
        assert "usage" in home.run(*args, status=100)
    assert os.listdir(home.path) == []
    home.run("sengoku", home.path + "/none", "sengoku", "", "", "gcd.org", "", "./Mailbox", status=111)
    home.deliver(options=("-N",))
    assert home.has("Mailbox")


def test_description(home):
    home.file(".qmail", "# a comment\n./Maildir/\n/abs/box\n&a@example.org\n|prog x y\nfumi:INBOX\n")
    assert home.deliver(options=("-n",)) == ("maildir ./Maildir/\nmbox /abs/box\nforward a@example.org\n"
                                             "program prog x y\nfumi INBOX\ndid 3+1+1\n")
    assert os.listdir(home.path) == [".qmail"]


def test_fallback(home):
    home.file(".qmail", "")
    home.deliver(default="./Maildir/")
    assert len(home.maildir()) == 1
    home.file(".qmail", "# nothing else\n")
    home.deliver()
    assert not home.has("Mailbox")
    os.unlink(os.path.join(home.path, ".qmail"))
    home.deliver(default="./one\n./two")
    assert home.has("one") and home.has("two")


# --- extensions ---

def test_extensions(home):
    assert "no mailbox here by that name" in home.deliver("-", "list-foo", status=100)
    for name, want in ((".qmail-default", "list-foo"), (".qmail-list-default", "foo"), (".qmail-list-foo", "none")):
        home.file(name, f"|echo \"{name} ${{DEFAULT-none}}\" >>seen\n")
        home.deliver("-", "list-foo")
        assert home.read("seen").decode().splitlines()[-1] == f"{name} {want}"
    home.file(".qmail-a:b", "|echo ab >>seen\n")
    home.deliver("-", "A.B")
    assert home.read("seen").endswith(b"ab\n")
    home.file(".qmail-e", "")
    home.deliver("-", "e")
    assert home.has("Mailbox")
    home.deliver("-", "../../etc/passwd", status=0)  # it is ".qmail-::::etc:passwd": only the default is there
    assert home.read("seen").endswith(b".qmail-default ../../etc/passwd\n")


def test_environment(home):
    home.file(".qmail-list-default", "|env >seen; pwd >>seen\n")
    subprocess.run([home.program, "sengoku", home.path, "sengoku-list-a-b-c", "-", "list-a-b-c", "x.mail.gcd.org",
                    "me@example.org", "./Mailbox"], input=MAIL, check=True, env={"SECRET": "1", "LD_PRELOAD": ""})
    seen = home.read("seen").decode()
    for line in (f"HOME={home.path}", "USER=sengoku", "SENDER=me@example.org", "NEWSENDER=me@example.org",
                 "RECIPIENT=sengoku-list-a-b-c@x.mail.gcd.org", "LOCAL=sengoku-list-a-b-c", "HOST=x.mail.gcd.org",
                 "HOST2=x.mail.gcd", "HOST3=x.mail", "HOST4=x", "EXT=list-a-b-c", "EXT2=a-b-c", "EXT3=b-c", "EXT4=c",
                 "DEFAULT=a-b-c", "RPLINE=Return-Path: <me@example.org>",
                 "DTLINE=Delivered-To: sengoku-list-a-b-c@x.mail.gcd.org", "UFLINE=From me@example.org "):
        assert "\n" + line in "\n" + seen, line
    assert "SECRET" not in seen and "LD_PRELOAD" not in seen
    assert seen.splitlines()[-1] == home.path


# --- programs ---

@pytest.mark.parametrize("code,want", [(0, 0), (1, 111), (64, 100), (65, 100), (67, 111), (70, 100), (76, 100),
                                       (77, 100), (78, 100), (99, 0), (100, 100), (111, 111), (112, 100), (255, 111)])
def test_exit_codes(home, code, want):
    home.file(".qmail", f"./first\n|echo because; exit {code}\n./second\n")
    out = home.deliver(status=want)
    assert "because" in out and home.has("first") and home.has("second") == (code == 0)


def test_programs(home):
    home.file(".qmail", "|cat >one\n|cat >two; exit 99\n|cat >three\n")
    home.deliver(sender="a@example.org")
    assert home.read("one") == home.read("two") == MAIL and not home.has("three")
    home.file(".qmail", "|kill -9 $$\n")
    assert "signal 9" in home.deliver(status=111)
    home.file(".qmail", "|/no/such/program\n")
    home.deliver(status=111)
    home.file(".qmail", "|id -u >uid; id -G >>uid\n")
    home.deliver()
    if ROOT:
        assert home.read("uid").decode().split() == [str(UID)] * 2


def test_program_limits(home, tmp_path):
    conf = os.path.join(home.base, "fumi.conf")
    with open(conf, "w") as f:
        f.write("[delivery]\nprogram-time = 1s\nprogram-cpu = 1s\nprogram-memory = 64M\nprogram-file = 4K\n")
    home.file(".qmail", "|sleep 60\n")
    assert "took too long" in home.deliver(status=111, conf=conf)
    home.file(".qmail", "|head -c 5000 /dev/zero >big\n")
    home.deliver(status=111, conf=conf)
    assert len(home.read("big")) == 4096
    home.file(".qmail", "|[ $(ulimit -v) = 65536 ]\n")
    home.deliver(conf=conf)


# --- forwards ---

@pytest.fixture
def sender(home):
    """What left: a list of (arguments, message)."""
    path = home.file("sendmail", f"""#!/bin/sh
d=$(mktemp -d {home.path}/out.XXXXXX)
for a; do printf '%s\\n' "$a"; done >$d/args
cat >$d/message
exit $(cat {home.path}/status 2>/dev/null || echo 0)
""", 0o755)
    conf = os.path.join(home.base, "fumi.conf")
    with open(conf, "w") as f:
        f.write(f'[out]\nsendmail = "{path} -i"\n')

    def sent():
        out = []
        for d in sorted((d for d in os.listdir(home.path) if d.startswith("out.")),
                        key=lambda d: os.stat(os.path.join(home.path, d)).st_mtime_ns):
            out.append((home.read(d + "/args").decode().splitlines(), home.read(d + "/message")))
            shutil.rmtree(os.path.join(home.path, d))
        return out
    return conf, sent


def test_forward(home, sender):
    conf, sent = sender
    home.file(".qmail", "&a@example.org\n./Mailbox\nb@example.org\n&-oQ/tmp\n")
    home.deliver(sender="s@example.org", conf=conf)
    assert home.has("Mailbox")
    ((args, message),) = sent()
    assert args == ["-i", "-f", "s@example.org", "--", "a@example.org", "b@example.org", "-oQ/tmp"]
    assert message == b"Delivered-To: sengoku@gcd.org\n" + MAIL
    home.deliver(sender="", conf=conf)
    assert sent()[0][0][:3] == ["-i", "-f", "<>"]


def test_forward_comes_last(home, sender):
    conf, sent = sender
    home.file(".qmail", "&a@example.org\n|exit 111\n")
    home.deliver(status=111, conf=conf)
    assert sent() == []
    home.file(".qmail", "&a@example.org\n|exit 99\n&b@example.org\n")
    home.deliver(conf=conf)
    assert sent()[0][0][4:] == ["a@example.org"]
    home.file("status", "75")
    home.deliver(status=111, conf=conf)
    home.file("status", "67")
    home.deliver(status=100, conf=conf)


def test_owner(home, sender):
    conf, sent = sender
    home.file(".qmail-list", "&a@x.example\n&b@y.example\n")
    home.file(".qmail-list-owner", "./owner\n")
    for envelope, want in (("s@example.org", "sengoku-list-owner@gcd.org"), ("", "<>"), ("#@[]", "#@[]")):
        home.deliver("-", "list", sender=envelope, conf=conf)
        ((args, _),) = sent()
        assert args[2] == want
    home.file(".qmail-list-owner-default", "./owner\n")
    home.deliver("-", "list", sender="s@example.org", conf=conf)
    got = sent()
    assert [a[2:] for a, _ in got] == [["sengoku-list-owner-a=x.example@gcd.org", "--", "a@x.example"],
                                       ["sengoku-list-owner-b=y.example@gcd.org", "--", "b@y.example"]]


# --- safety ---

def test_loop(home):
    mail = b"Delivered-To: other@gcd.org\nDELIVERED-TO:  sengoku@gcd.org \n" + MAIL
    assert "looping" in home.deliver(status=100, input=mail)
    home.deliver(input=MAIL + b"Delivered-To: sengoku@gcd.org\n")  # in the body it is only text
    home.deliver(input=b"Delivered-To: Sengoku@gcd.org\n" + MAIL)  # exactly the same is meant


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1755])
def test_home_is_unsafe(home, mode):
    os.chmod(home.path, mode)
    home.deliver(status=111)
    assert not home.has("Mailbox")
    if mode == 0o1755:
        assert "sticky" in home.deliver(options=("-n",))


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_file_is_unsafe(home, mode):
    home.file(".qmail", "./Mailbox\n", mode)
    assert "writable" in home.deliver(status=111)
    assert not home.has("Mailbox")


@pytest.mark.skipif(not ROOT, reason="needs root")
def test_others_files(home):
    path = home.file(".qmail", "./Mailbox\n")
    os.chown(path, UID + 1, UID + 1)
    home.deliver(status=111)
    os.chown(path, 0, 0)  # an administrator's
    home.deliver()
    os.chown(home.path, 0, 0)
    assert "root" in home.deliver(status=111)


def test_only_forwards(home):
    for line in ("|true", "./Mailbox", "./Maildir/", "fumi:INBOX"):
        home.file(".qmail", f"&a@example.org\n{line}\n", 0o744)
        assert "forwarding" in home.deliver(status=111)
        home.file(".qmail", f"+list\n{line}\n")
        assert "forwarding" in home.deliver(status=111)


def test_bad_files(home):
    for text in ("\n./Mailbox\n", "./Mailbox\n!what\n", "./Mailbox\n" + "x" * 9000 + "\n", "#" * 300000):
        home.file(".qmail", text)
        home.deliver(status=111)
        assert not home.has("Mailbox")
    os.unlink(os.path.join(home.path, ".qmail"))
    os.mkdir(os.path.join(home.path, ".qmail"), 0o755)
    home.own(os.path.join(home.path, ".qmail"))
    home.deliver(status=111)
    assert not home.has("Mailbox")


def test_file_that_cannot_be_written(home):
    os.mkdir(os.path.join(home.path, "d"))
    home.file(".qmail", "./d\n")
    assert "Is a directory" in home.deliver(status=111)
    home.file(".qmail", "./none/box\n")
    home.deliver(status=111)


def test_hostile_envelope(home):
    home.file(".qmail-default", "./Mailbox\n|printf '%s' \"$SENDER|$EXT\" >seen\n")
    home.deliver("-", "$(id)`id`", sender="a\nX-Header: y@example.org")
    text = home.read("Mailbox")
    assert b"\nX-Header" not in text and b'Return-Path: <"a_X-Header: y"@example.org>\n' in text
    assert home.read("seen") == b"a\nX-Header: y@example.org|$(id)`id`"


# --- many at once, and another program that changes the mailbox meanwhile ---

READER_UNTIL_KILLED = """
import mailbox, signal, sys, time
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
while not stop:
    box = mailbox.mbox(sys.argv[1])
    try:
        box.lock()
    except mailbox.ExternalClashError:
        time.sleep(0.01)
        continue
    for key in list(box.keys())[:2]:  # take two away, as a mail reader that rewrites the file
        print(box[key]["Subject"], flush=True)
        box.remove(key)
    box.close()  # flushes, unlocks
    time.sleep(0.02)
"""


def run_many(home, n, default):
    def one(i):
        home.deliver(default=default, input=b"Subject: %d\n\nFrom here\n" % i)
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        list(pool.map(one, range(n)))


def as_user(script, *args):
    become = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"] if ROOT else []
    return subprocess.Popen([*become, "/usr/bin/python3", "-c", script, *args], stdout=subprocess.PIPE,
                            stdin=subprocess.DEVNULL, text=True)


MAILDIR_READER = """
import os, sys, time
new, cur = (os.path.join(sys.argv[1], d) for d in ("new", "cur"))
while time.time() < float(sys.argv[2]):
    for name in os.listdir(new) if os.path.isdir(new) else []:
        with open(os.path.join(new, name)) as f:
            text = f.read()
        assert text.endswith("From here\\n"), text
        os.rename(os.path.join(new, name), os.path.join(cur, name + ":2,S"))
    for name in os.listdir(cur)[::2] if os.path.isdir(cur) else []:
        with open(os.path.join(cur, name)) as f:
            print(f.read().split("Subject: ")[1].split()[0], flush=True)
        os.unlink(os.path.join(cur, name))
    time.sleep(0.01)
"""


def test_mbox_with_a_reader(home):
    """50 deliveries beside a program that rewrites the file under the same locks (dotlock, fcntl)."""
    reader = as_user(READER_UNTIL_KILLED, os.path.join(home.path, "Mailbox"))
    try:
        run_many(home, 50, "./Mailbox")
    finally:
        reader.terminate()
        seen = reader.communicate(timeout=60)[0].split()
    left = [m["Subject"] for m in mailbox.mbox(os.path.join(home.path, "Mailbox"))]
    assert sorted(map(int, seen + left)) == list(range(50)) and seen


def test_maildir_with_a_reader(home):
    """50 deliveries beside a program that moves, reads and removes: no lock, no error."""
    reader = as_user(MAILDIR_READER, os.path.join(home.path, "Maildir"), str(time.time() + 3))
    run_many(home, 50, "./Maildir/")
    seen = reader.communicate(timeout=60)[0].split()
    assert reader.returncode == 0
    left = [re.search(rb"Subject: (\d+)", home.read(f"Maildir/{d}/{f}"))[1].decode() for d in ("new", "cur")
            for f in os.listdir(os.path.join(home.path, "Maildir", d))]
    assert sorted(map(int, seen + left)) == list(range(50)) and seen


# --- what strangers write ---

def test_return_path_is_quoted(home):
    """As qmail's own does; the program's SENDER stays as it came."""
    home.file(".qmail", './Maildir/\n./Mailbox\n|printf "%s" "$SENDER" >said\n')
    home.deliver(sender="john doe@x.org")
    assert home.maildir()[0].startswith(b'Return-Path: <"john doe"@x.org>\n')
    assert b'\nReturn-Path: <"john doe"@x.org>\n' in home.read("Mailbox") and home.read("said") == b"john doe@x.org"


def test_long_extension(home):
    """Longer than a file's name can be: the defaults are for it, too."""
    home.deliver("-", "x" * 300, status=100)
    home.file(".qmail-default", "./Default\n")
    home.deliver("-", "x" * 300)
    home.deliver("-", "x" * 240 + "-" + "y" * 100)
    home.file(".qmail-x-default", "./X\n")
    home.deliver("-", "x-" + "y" * 300)
    assert len(mailbox.mbox(os.path.join(home.path, "Default"))) == 2 and len(mailbox.mbox(os.path.join(home.path, "X"))) == 1


def test_empty_file_with_the_x_bit(home):
    """The bit is said of the file's lines; the default delivery is none of them."""
    home.file(".qmail", "", mode=0o744)
    home.deliver()
    assert b"Hello" in home.read("Mailbox")
    home.file(".qmail", "./Mailbox\n", mode=0o744)
    home.deliver(status=111)
