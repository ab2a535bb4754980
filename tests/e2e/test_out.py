"""The process that sends mail, with the test in the place of master and hub, and a mail server that keeps what it
gets: what was taken is sent or comes back, whatever dies when."""
import os
import signal
import ssl
import stat
import subprocess
import time

import pytest

pytest.importorskip("aiosmtpd")
from aiosmtpd.smtp import AuthResult  # noqa: E402
import procs  # noqa: E402
from procs import data, u8, u32, u64  # noqa: E402
from serving import wait_for  # noqa: E402
from smtp_sink import Sink  # noqa: E402

SUBMIT, ASK, TAKE, TAKEN, SUBMITTED, ROW, END = 0xa01, 0xa02, 0xa03, 0xa81, 0xa82, 0xa83, 0xa84
REDIRECT, VACATION, BOUNCE = 1, 3, 6
NULL = ("", None, "<>")
QUEUED, LATER, REFUSED = 0, 1, 2
ACCOUNT, SENDER, TO = b"demo@example.org", b"alice@example.net", b"bob@example.com"


class Out:
    """fumi-out on a directory, and we its hub."""

    def __init__(self, directory, settings, **more):
        self.dir = directory
        os.makedirs(directory / "out", exist_ok=True)
        self.log = directory / "log"
        self.log.touch()
        settings = {"retry": "1s", "retry-max": "1s", **settings, **more}
        self.conf = "[server]\nhostname = mail.example.org\nlog-level = all\n[out]\n" + "".join(
            f'{k} = "{v}"\n' if k == "sendmail" else f"{k} = {v}\n" for k, v in settings.items())
        self.numbers = 0
        self.start()

    def start(self):
        self.process = procs.Process("fumi-out", self.conf, self.log)
        self.hub = self.process.peer(procs.HUB)
        fd = os.open(self.dir / "out", os.O_PATH)
        procs.send(self.process.sock, procs.DIRECTORY, fd=fd)
        os.close(fd)
        procs.send(self.process.sock, procs.GO)
        procs.expect(self.process.sock, procs.READY)

    def submit(self, octets, to=(TO,), sender=SENDER, kind=REDIRECT, key=bytes(16), account=ACCOUNT,
               utf8=False):
        self.numbers += 1
        fd = procs.memfd(octets, sealed=True)
        procs.send(self.hub, TAKE, u64(self.numbers) + data(account) + u8(kind) + key + data(sender) +
                   u8(0) * 2 + data(b"") * 2 + u8(utf8) + u32(len(to)) + b"".join(map(data, to)), fd)
        os.close(fd)
        return self.numbers

    def taken(self):
        w, _ = procs.expect(self.hub, TAKEN)
        return w.u64(), w.u8(), w.data()

    def give(self, *args, **kw):
        """Submitted and answered: the result."""
        n = self.submit(*args, **kw)
        got, result, _ = self.taken()
        assert got == n
        return result

    def list(self):
        procs.send(self.hub, ASK, u64(7) + u8(1) + data(b""))
        rows = []
        while True:
            w, _ = procs.recv(self.hub)
            if w.type == END:
                return rows
            assert w.type == ROW and w.u64() == 7
            id, kind = w.data(), w.u8()
            account, sender, recipient = w.data(), w.data(), w.data()
            rows.append({"id": id, "kind": kind, "account": account, "sender": sender, "recipient": recipient,
                         "recipients": w.u32(), "size": w.u64(), "times": (w.u64(), w.u64()), "attempts": w.u32(),
                         "text": w.data()})

    def ask(self, what, id=b""):
        procs.send(self.hub, ASK, u64(8) + u8(what) + data(id))
        w, _ = procs.expect(self.hub, END)
        assert w.u64() == 8
        return w.u32()

    def empty(self):
        return not [f for f in os.listdir(self.dir / "out") if f != "seen"]

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        os.waitpid(self.process.pid, 0)
        self.hub.close()
        self.process.sock.close()
        self.process = None

    def close(self):
        if self.process:
            self.kill()


@pytest.fixture
def sink():
    s = Sink()
    yield s
    s.close()


@pytest.fixture
def out(tmp_path, sink):
    running = []

    def start(**settings):
        if "sendmail" not in settings:
            settings = {"smtp": sink.url(), "smtp-tls": "never", **settings}
        running.append(Out(tmp_path, settings))
        return running[-1]
    yield start
    for o in running:
        o.close()


def mail(n=0, body="Hello."):
    return f"Subject: number {n}\r\nnumber: {n}\r\n\r\n{body}\r\n".encode()


@pytest.mark.parametrize("smtp, good", [
    ("smtp://localhost", True), ("smtp://127.0.0.1:2599", True), ("SMTPS://mail.example.org:465/", True),
    ("smtp://[::1]", True), ("smtp://[::1]:25", True),
    ("127.0.0.1:2599", False), ("localhost", False), ("http://localhost", False), ("smtp:localhost", False),
    ("smtp://", False), ("smtp://:25", False), ("smtp://a:0", False), ("smtp://a:65536", False), ("smtp://a:x", False),
    ("smtp://a b", False), ("smtp://u@a", False), ("smtp://[]", False), ("smtp://[::1", False), ("smtp://a/b", False)])
def test_setting_of_the_server(tmp_path, smtp, good):
    """One that nothing could be sent to is refused when it is read, not found out by mail that waits."""
    (tmp_path / "conf").write_text(f"[out]\nsmtp = {smtp}\n")
    r = subprocess.run([os.path.join(procs.BUILD, "fumi"), "-c", tmp_path / "conf", "config", "check"],
                       capture_output=True, text=True)
    said = r.stdout + r.stderr
    assert (r.returncode == 0) == good and ("write smtp://HOST" in said) == (not good), said


def test_sent(out, sink):
    o = out()
    octets = mail(1, "one\r\n.dot\r\n..two\r\nend")
    assert o.give(octets) == QUEUED
    wait_for(lambda: sink.to(TO.decode()))
    assert sink.to(TO.decode()) == [(SENDER.decode(), octets)]
    wait_for(o.empty)
    assert o.list() == []


def test_several_recipients_and_a_null_sender(out, sink):
    o = out()
    to = [b"a@example.com", b"b@example.com", "ü@example.com".encode()]
    assert o.give(mail(2), to=to, sender=b"") == QUEUED
    wait_for(o.empty)
    assert sorted(m[1][0] for m in sink.mails) == sorted(a.decode() for a in to)
    assert all(m[0] in NULL for m in sink.mails)


def test_refused_by_the_server_comes_back_at_once(out, sink):
    sink.answers["rcpt"] = {"no@example.com": "550 5.1.1 there is no such user"}
    o = out(retry="1d")
    assert o.give(mail(3), to=[b"yes@example.com", b"no@example.com"]) == QUEUED
    wait_for(lambda: sink.to("yes@example.com") and sink.to(SENDER.decode()))
    sender, report = sink.to(SENDER.decode())[0]
    assert sender in NULL
    for part in (b"Content-Type: multipart/report; report-type=delivery-status;", b"Reporting-MTA: dns; mail.example.org",
                 b"Final-Recipient: rfc822; no@example.com", b"Action: failed", b"Status: 5.1.1",
                 b"Diagnostic-Code: smtp; 550 5.1.1 there is no such user", b"Subject: number 3",
                 b"Auto-Submitted: auto-replied", b"\r\nTo: <alice@example.net>\r\n"):
        assert part in report, part
    assert b"yes@example.com" not in report
    wait_for(o.empty)


def test_nobody_is_told_of_what_nobody_sent(out, sink):
    sink.answers["rcpt"] = {"no@example.com": "550 no"}
    o = out()
    assert o.give(mail(4), to=[b"no@example.com"], sender=b"") == QUEUED
    wait_for(o.empty)
    assert sink.mails == []


def test_a_report_that_is_refused_makes_no_other(out, sink):
    sink.answers["rcpt"] = {"no@example.com": "550 no", SENDER.decode(): "550 neither"}
    o = out()
    assert o.give(mail(5), to=[b"no@example.com"]) == QUEUED
    wait_for(o.empty)
    assert sink.mails == []


def test_tried_again(out, sink):
    sink.answers["rcpt"] = {TO.decode(): "451 4.3.0 later"}
    o = out()
    assert o.give(mail(6), to=[TO, b"other@example.com"]) == QUEUED
    row = wait_for(lambda: [r for r in o.list() if r["attempts"] > 0])[0]
    assert row["recipient"] == TO and row["recipients"] == 1 and row["text"] == b"451 4.3.0 later"
    assert len(sink.to("other@example.com")) == 1
    sink.answers["rcpt"] = {}
    wait_for(o.empty)
    assert len(sink.to(TO.decode())) == 1 and len(sink.to("other@example.com")) == 1


def test_given_up(out, sink):
    sink.answers["rcpt"] = {TO.decode(): "451 4.3.0 full"}
    o = out(**{"max-age": "1s"})
    assert o.give(mail(7)) == QUEUED
    report = wait_for(lambda: sink.to(SENDER.decode()))[0][1]
    assert b"Action: failed" in report and b"Status: 4.3.0" in report
    wait_for(o.empty)
    assert sink.to(TO.decode()) == []


def test_server_is_away(out, sink):
    o = out(smtp="smtp://127.0.0.1:9")
    assert o.give(mail(8)) == QUEUED
    wait_for(lambda: o.list()[0]["attempts"] > 0)
    assert len(o.list()) == 1


def test_tls_is_required_unless_said_otherwise(out, sink):
    o = out(**{"smtp-tls": "require"})
    assert o.give(mail(9)) == QUEUED
    wait_for(lambda: o.list()[0]["attempts"] > 0)
    assert sink.mails == []


@pytest.fixture
def certificate(tmp_path):
    """(certificate, key) of localhost, signed by itself."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                    str(key), "-out", str(cert)], check=True, capture_output=True)
    return cert, key


def test_tls_and_login(out, certificate, tmp_path):
    """With the certificate checked and behind the walls; never a password without it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    said = []

    def check(server, session, envelope, mechanism, data):
        said.append((mechanism, bytes(data.login), bytes(data.password)))
        return AuthResult(success=data.password == b"secret word")
    sink = Sink(tls_context=context, require_starttls=True, auth_required=True, authenticator=check)
    login = tmp_path / "login"
    login.write_text("demo\nsecret word\n")
    try:
        o = out(smtp=f"smtp://localhost:{sink.port}", **{"smtp-tls": "require", "login": login})
        assert o.give(mail(1)) == QUEUED
        row = wait_for(lambda: [r for r in o.list() if r["attempts"] > 0])[0]
        assert b"ertificate" in row["text"] and said == []
        o.kill()
        (tmp_path / "out").rename(tmp_path / "old")
        o = out(smtp=f"smtp://localhost:{sink.port}", **{"smtp-tls": "require", "login": login, "ca": certificate[0],
                                                                   "timeout": "5s"})
        assert o.give(mail(2)) == QUEUED
        wait_for(o.empty)
        assert sink.numbers() == {2: 1} and said[0][1:] == (b"demo", b"secret word")
        # a password that is wrong is no reason to bounce
        login.write_text("demo\nanother word\n")
        o.kill()
        o.start()
        assert o.give(mail(3)) == QUEUED
        wait_for(lambda: [r for r in o.list() if r["attempts"] > 0])
        assert sink.numbers() == {2: 1} and [r["kind"] for r in o.list()] == [REDIRECT]
    finally:
        sink.close()


def test_the_same_is_not_sent_twice(out, sink):
    o = out()
    key = b"k" * 16
    assert o.give(mail(10), key=key) == QUEUED
    assert o.give(mail(10), key=key) == QUEUED
    wait_for(o.empty)
    assert o.give(mail(10), key=key) == QUEUED
    o.kill()
    o.start()
    assert o.give(mail(10), key=key) == QUEUED
    assert o.give(mail(10), key=key, account=b"other@example.org") == QUEUED
    assert o.give(mail(11)) == QUEUED
    assert o.give(mail(11)) == QUEUED
    wait_for(o.empty)
    assert sink.numbers() == {10: 2, 11: 2}


def test_limits(out, sink):
    sink.answers["mail"] = "451 not now"
    o = out(**{"redirects-per-day": "3", "replies-per-hour": "1", "retry": "1h", "retry-max": "1h", "queue": "6"})
    assert [o.give(mail(i)) for i in range(4)] == [QUEUED] * 3 + [REFUSED]
    assert [o.give(mail(i), kind=VACATION, sender=b"") for i in range(2)] == [QUEUED, REFUSED]
    other = [o.give(mail(i), account=b"other@example.org") for i in range(3)]
    assert other == [QUEUED, QUEUED, LATER]  # the queue is full


def test_list_retry_remove(out, sink):
    sink.answers["mail"] = "451 not now"
    o = out(**{"retry": "1h", "retry-max": "1h"})
    for i in range(3):
        assert o.give(mail(i)) == QUEUED
    rows = wait_for(lambda: (lambda r: r if all(x["attempts"] == 1 for x in r) else None)(o.list()))
    assert [r["account"] for r in rows] == [ACCOUNT] * 3
    assert o.ask(3, rows[0]["id"]) == 1
    assert o.ask(3, b"nothing") == 0
    sink.answers["mail"] = None
    assert o.ask(2, rows[1]["id"]) == 1
    wait_for(lambda: len(o.list()) == 1)
    assert o.ask(2) == 1
    wait_for(o.empty)
    assert sink.numbers() == {1: 1, 2: 1}


def test_nothing_configured(tmp_path):
    o = Out(tmp_path, {})
    try:
        assert o.give(mail(1)) == REFUSED
    finally:
        o.close()


def script(tmp_path, status=0):
    """A program with sendmail's calling form that writes down what it gets."""
    path = tmp_path / "sendmail"
    path.write_text(f"#!/bin/sh\nd=$(mktemp -d {tmp_path}/mail.XXXXXX)\nfor a; do echo \"$a\"; done >$d/args\n"
                    f"cat >$d/message\ntouch $d/done\necho trouble\nexit $(cat {tmp_path}/status)\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "status").write_text(f"{status}\n")
    return path


def ran(tmp_path):
    return sorted(tmp_path.glob("mail.*/done"), key=lambda p: p.stat().st_mtime)


def test_by_a_program(out, tmp_path):
    o = out(sendmail=f"{script(tmp_path)} -i")
    assert o.give(mail(1), to=[TO, b"-oX@example.com"]) == QUEUED
    wait_for(o.empty)
    (done,) = ran(tmp_path)
    assert (done.parent / "args").read_text().split("\n") == ["-i", "-f", SENDER.decode(), "--", TO.decode(),
                                                             "-oX@example.com", ""]
    assert (done.parent / "message").read_bytes() == mail(1).replace(b"\r\n", b"\n")


def test_by_a_program_that_fails(out, tmp_path):
    o = out(sendmail=f"{script(tmp_path, 75)}")
    assert o.give(mail(1), sender=b"") == QUEUED
    row = wait_for(lambda: [r for r in o.list() if r["attempts"] > 1])[0]
    assert row["text"] == b"trouble"
    assert (ran(tmp_path)[0].parent / "args").read_text().startswith("-f\n<>\n--\n")
    (tmp_path / "status").write_text("67\n")
    wait_for(o.empty)


def test_a_file_that_is_broken_is_set_aside(out, sink, tmp_path):
    sink.answers["mail"] = "451 not now"
    o = out(**{"retry": "1h", "retry-max": "1h"})
    for i in range(2):
        assert o.give(mail(i)) == QUEUED
    first, second = [r["id"].decode() for r in o.list()]
    o.kill()
    (tmp_path / "out" / "aaaa.new").write_bytes(b"half")
    (tmp_path / "out" / "bbbb.s").write_bytes(b"state of nothing")
    with open(tmp_path / "out" / f"{first}.m", "r+b") as f:
        f.seek(20)
        f.write(b"\xff")
    o.start()
    assert [r["id"].decode() for r in o.list()] == [second]
    left = set(os.listdir(tmp_path / "out"))
    assert f"{first}.bad" in left and "aaaa.new" not in left and "bbbb.s" not in left


def test_killed_again_and_again(out, sink):
    """Whatever was answered with QUEUED is sent; twice only what a sender had in hand when it died."""
    senders = 2
    o = out(senders=str(senders), **{"redirects-per-day": "1000000"})
    acknowledged, n, kills, end = set(), 0, 0, time.monotonic() + 12
    while time.monotonic() < end:
        pause = (n % 13) / 400
        sent = []
        for _ in range(8):
            n += 1
            o.submit(mail(n), key=n.to_bytes(16, "big"))
            sent.append(n)
        time.sleep(pause)
        os.kill(o.process.pid, signal.SIGKILL)
        kills += 1
        try:
            while True:
                w, _ = procs.recv(o.hub, 5)
                assert w.type == TAKEN
                number = w.u64()
                if w.u8() == QUEUED:
                    acknowledged.add(sent[number - (o.numbers - 8) - 1])
        except (procs.Closed, ConnectionError):
            pass
        o.kill()
        o.start()
        again = [i for i in sent if i not in acknowledged]  # as a bringer does
        for i in again:
            assert o.give(mail(i), key=i.to_bytes(16, "big")) == QUEUED
            acknowledged.add(i)
    wait_for(o.empty)
    assert set(sink.numbers()) == set(range(1, n + 1)) == acknowledged
    assert sum(sink.numbers().values()) - n <= senders * kills


def test_root_is_not_needed_and_walls_are_up(out, sink):
    o = out()
    with open(f"/proc/{o.process.pid}/status") as f:
        assert "Seccomp:\t2" in f.read()
    children = subprocess.run(["pgrep", "-P", str(o.process.pid)], capture_output=True, text=True).stdout.split()
    assert len(children) == 2
    for c in children:
        with open(f"/proc/{c}/status") as f:
            assert "Seccomp:\t2" in f.read()
        links = [os.readlink(f"/proc/{c}/fd/{fd}") for fd in os.listdir(f"/proc/{c}/fd")]
        assert not [x for x in links if x.endswith("/out")], links
