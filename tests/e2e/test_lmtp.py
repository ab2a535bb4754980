"""Mail by LMTP: conversations, limits, and processes that die."""
import hashlib
import imaplib
import os
import re
import socket
import subprocess
import threading
import time

import pytest

import serving
from serving import wait_for

KEYWORDS = ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "SIZE"]


class Lmtp:
    """A client. Answers are lists of lines without their ends."""

    def __init__(self, server, hello=True, timeout=20, source="127.0.0.1"):
        if isinstance(server, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect(server)
        else:
            self.sock = socket.create_connection(("127.0.0.1", server.ports["lmtp"]), timeout, (source, 0))
        self.file = self.sock.makefile("rb")
        self.greeting = self.answer()
        if hello:
            self.say("LHLO client.example", 250)

    def answer(self):
        lines = []
        while True:
            line = self.file.readline().decode()
            if not line.endswith("\r\n"):
                raise ConnectionError(line)
            lines.append(line[:-2])
            if line[3] == " ":
                return lines

    def code(self, *wanted):
        """The next answer's last line; its first word must be one of wanted, "550 5.1.1" or 550."""
        line = self.answer()[-1]
        assert any(line.startswith(str(w)) for w in wanted), (line, wanted)
        return line

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def say(self, text, *wanted):
        self.send(text + "\r\n")
        return self.code(*wanted) if wanted else self.answer()

    def envelope(self, *to, sender="sender@example.org"):
        self.say(f"MAIL FROM:<{sender}>", "250 2.1.0")
        for rcpt in to:
            self.say(f"RCPT TO:<{rcpt}>", "250 2.1.5")

    def data(self, message):
        """message with CR LF; the dots are put in here."""
        self.say("DATA", 354)
        self.send(re.sub(rb"(?m)^\.", b"..", message) + b".\r\n")

    def deliver(self, message, *to, sender="sender@example.org"):
        self.envelope(*to, sender=sender)
        self.data(message)
        return [self.answer()[-1] for _ in to]

    def closed(self):
        return self.file.read(1) == b""

    def close(self):
        self.file.close()
        self.sock.close()


MESSAGE = b"Subject: by LMTP\r\nFrom: a@example.org\r\n\r\nHello.\r\n"


def messages(server, account, box="INBOX"):
    """The octets of all messages there."""
    with server.imaplib(account) as c:
        status, [n] = c.select(box, readonly=True)
        assert status == "OK", n
        if int(n) == 0:
            return []
        _, got = c.fetch("1:*", "(BODY.PEEK[])")
        return [part[1] for part in got if isinstance(part, tuple)]


def can_log_in(server, account):
    try:
        server.imaplib(account).logout()
        return True
    except imaplib.IMAP4.error:
        return False


@pytest.fixture
def lmtp(server):
    c = Lmtp(server)
    yield c
    c.close()


# --- conversations ---


def test_greeting(server):
    c = Lmtp(server, hello=False)
    assert c.greeting[0].startswith("220 ") and "LMTP" in c.greeting[0]
    c.say("MAIL FROM:<>", "503 5.5.1")
    c.say("EHLO x", "500 5.5.1")
    c.say("HELO x", "500 5.5.1")
    said = [line[4:].split()[0] for line in c.say("LHLO client.example")[1:]]
    # each has a test below, and none is said without one; DSN is test_lmtp_dsn.py's
    assert sorted(said) == sorted(KEYWORDS)
    c.say("NOOP", "250 2.0.0")
    c.say("HELP", "214")
    c.say("VRFY demo", "252")
    c.say("TURN", "500 5.5.1")
    c.say("QUIT", "221 2.0.0")
    assert c.closed()


def test_message_and_trace(server, account):
    c = Lmtp(server)
    [line] = c.deliver(MESSAGE, account.name, sender="Some.One@example.org")
    assert line.startswith(f"250 2.0.0 <{account.name}> ")
    [got] = messages(server, account)
    head, body = got.split(MESSAGE)
    assert body == b""
    lines = head.decode()
    assert lines.startswith(f"Return-Path: <Some.One@example.org>\r\nDelivered-To: {account.name}\r\n"
                            "Received: from client.example ([127.0.0.1])\r\n\tby ")
    assert re.search(rf" with LMTP id \w+\r\n\tfor <{re.escape(account.name)}>;\r\n\t\w\w\w, \d\d \w\w\w \d{{4}} "
                     r"\d\d:\d\d:\d\d [+-]\d{4}\r\n$", lines)
    assert re.search(r"id (\w+)", lines)[1] in line


def test_bounce_has_an_empty_return_path(server, account):
    Lmtp(server).deliver(MESSAGE, account.name, sender="")
    assert messages(server, account)[0].startswith(b"Return-Path: <>\r\n")


def test_commands_out_of_order(lmtp, account):
    lmtp.say("RCPT TO:<x@y>", "503 5.5.1")
    lmtp.say("DATA", "503 5.5.1")
    lmtp.say("MAIL FROM:<a@b>", 250)
    lmtp.say("MAIL FROM:<a@b>", "503 5.5.1")
    lmtp.say("DATA", "503 5.5.1")  # RFC 2033 section 4.2: there is no recipient
    lmtp.say("RSET", "250 2.0.0")
    lmtp.say("RCPT TO:<x@y>", "503 5.5.1")
    lmtp.envelope(account.name)
    lmtp.say("LHLO again.example", 250)  # begins anew
    lmtp.say("DATA", "503 5.5.1")


def test_each_recipient_has_its_answer(server, lmtp):
    """RFC 2033 section 4.2, in the order of RCPT."""
    a, b = server.account(), server.account()
    lmtp.say("MAIL FROM:<s@example.org>", 250)
    lmtp.say(f"RCPT TO:<{a.name}>", "250 2.1.5")
    lmtp.say("RCPT TO:<nobody@example.org>", "550 5.1.1")
    lmtp.say(f"RCPT TO:<{b.name}>", "250 2.1.5")
    lmtp.say(f"RCPT TO:<{a.name}>", "250 2.1.5")
    lmtp.data(MESSAGE)
    got = [lmtp.answer()[-1] for _ in range(3)]
    assert [re.search("<(.*)>", line)[1] for line in got] == [a.name, b.name, a.name]
    assert all(line.startswith("250 2.0.0") for line in got)
    assert (len(messages(server, a)), len(messages(server, b))) == (2, 1)


@pytest.mark.parametrize("line, want", [
    ("RCPT TO:<>", "501 5.1.3"), ("RCPT TO:nobody", "501 5.1.3"), ("RCPT FROM:<a@b>", "501 5.5.4"),
    ("RCPT TO:<a@b> FOO=BAR", "555 5.5.4"), ("RCPT TO:<a@b> NOTIFY=SOMETIMES", "501 5.5.4"),
    ("RCPT TO:<\u00e9@b>", "553 5.6.7"), ("RCPT TO:<a@[127.0.0.1]>", "550 5.1.1"),
    ("RCPT TO:<../../etc@b>", "550 5.1.1"), ("RCPT TO:<\"a@b\"@c>", "550 5.1.1"),
])
def test_recipients_that_are_none(lmtp, line, want):
    lmtp.say("MAIL FROM:<>", 250)
    lmtp.say(line, want)


@pytest.mark.parametrize("params, want", [
    ("SIZE=1000", "250"), ("SIZE=99999999999", "552 5.3.4"), ("SIZE=" + "9" * 20, "552 5.3.4"), ("BODY=7BIT", "250"), ("BODY=8BITMIME", "250"),
    ("BODY=BINARYMIME", "555 5.5.4"), ("SMTPUTF8", "250"), ("AUTH=<>", "250"),
    ("RET=FULL RET=HDRS", "501 5.5.4"), ("HOLDFOR=1", "555 5.5.4"),
])
def test_parameters_of_mail(lmtp, params, want):
    lmtp.say(f"MAIL FROM:<a@b> {params}", want)


def test_forms_of_addresses(server, lmtp):
    a = server.account()
    local, domain = a.name.split("@")
    forms = [f"{local.upper()}@{domain}", f"\"{local}\"@{domain}", f"@relay.example,@b:{a.name}", f"{local}+@{domain}",
             f"{local}@EXAMPLE.ORG", f"{local}+Some.Detail+more@{domain}"]
    assert all(line.startswith("250") for line in lmtp.deliver(MESSAGE, *forms))
    got = messages(server, a)
    assert [re.search(rb"Delivered-To: (.*)\r\n", m)[1].decode() for m in got] == \
        [f.split(":")[-1] for f in forms]


def test_account_with_the_delimiter_in_its_name(server, lmtp):
    """The whole name comes before what is in front of the delimiter."""
    for name in ("other@example.org", "other+name@example.org"):
        server.fumi("account", "add", name, input=b"x\n")
    lmtp.deliver(MESSAGE, "other+name@example.org", "other+else@example.org")
    for name in ("other@example.org", "other+name@example.org"):
        assert len(messages(server, serving.Account(server, name, "x"))) == 1


def test_disabled_account(server, lmtp):
    a = server.account()
    lmtp.deliver(MESSAGE, a.name)
    server.fumi("account", "disable", a.name)
    lmtp.say("MAIL FROM:<>", 250)
    lmtp.say(f"RCPT TO:<{a.name}>", "550 5.2.1")  # although it was known a moment ago
    server.fumi("account", "enable", a.name)
    lmtp.say(f"RCPT TO:<{a.name}>", "250 2.1.5")


def test_new_account_is_known_at_once(server, lmtp):
    lmtp.say("MAIL FROM:<>", 250)
    lmtp.say("RCPT TO:<late@example.org>", "550 5.1.1")
    server.fumi("account", "add", "late@example.org", input=b"x\n")
    lmtp.say("RCPT TO:<late@example.org>", 250)


def test_pipelining(server, lmtp, account):
    """RFC 2920: all at once, with a bad recipient among them, and the next one behind."""
    one = (f"MAIL FROM:<a@b>\r\nRCPT TO:<nobody@example.org>\r\nRCPT TO:<{account.name}>\r\n").encode()
    lmtp.send(one + b"DATA\r\n")
    for want in ("250 2.1.0", "550 5.1.1", "250 2.1.5", "354"):
        lmtp.code(want)
    chunk = b"BDAT %d LAST\r\n%s" % (len(MESSAGE), MESSAGE)
    lmtp.send(MESSAGE + b".\r\n" + one + chunk + one + chunk + b"NOOP\r\nQUIT\r\n")
    for want in ("250 2.0.0", *["250 2.1.0", "550 5.1.1", "250 2.1.5", "250 2.0.0"] * 2, "250 2.0.0", "221"):
        lmtp.code(want)
    assert lmtp.closed()
    assert len(messages(server, account)) == 3


def test_half_closed(server):
    """Clients that have said all and read late get every answer, however much of them still waits in the server."""
    counts = range(2000, 42000, 2000)
    socks = [socket.socket() for _ in counts]
    for s, n in zip(socks, counts):
        s.settimeout(20)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", server.ports["lmtp"]))
        s.sendall(b"LHLO client.example\r\n" + b"NOOP\r\n" * n + b"QUIT\r\n")
        s.shutdown(socket.SHUT_WR)
    time.sleep(0.5)
    for s, n in zip(socks, counts):
        with s, s.makefile("rb") as f:
            lines = f.read().splitlines()
        assert lines[-1].startswith(b"221 "), n
        assert sum(line.startswith(b"250 2.0.0") for line in lines) == n


def test_byte_by_byte(server, lmtp, account):
    script = (f"MAIL FROM:<a@b>\r\nRCPT TO:<{account.name}>\r\nDATA\r\n").encode() + MESSAGE + b"..x\r\n.\r\n"
    for i in range(len(script)):
        lmtp.send(script[i:i + 1])
    for want in ("250", "250", "354", "250"):
        lmtp.code(want)
    assert messages(server, account)[0].endswith(MESSAGE + b".x\r\n")


def test_chunking(server, lmtp, account):
    """RFC 3030 section 2: chunks of any size, nothing in them means anything."""
    body = MESSAGE + b".\r\n..\r\n.\r\nQUIT\r\n"
    lmtp.envelope(account.name)
    for at in range(0, len(body), 7):
        part = body[at:at + 7]
        lmtp.send(b"BDAT %d\r\n" % len(part) + part)
        lmtp.code("250 2.0.0")
    lmtp.say("BDAT 0 LAST", "250 2.0.0 <")
    assert messages(server, account)[0].endswith(body)


def test_chunks_without_an_envelope(server, lmtp, account):
    lmtp.send(b"BDAT 6 LAST\r\nQUIT\r\n")  # it is no command
    lmtp.code("503 5.5.1")
    lmtp.envelope(account.name)
    lmtp.send(b"BDAT 5\r\nhello")
    lmtp.code(250)
    lmtp.say("DATA", "503 5.5.1")
    lmtp.say(f"RCPT TO:<{account.name}>", "503 5.5.1")
    lmtp.say("RSET", 250)
    lmtp.say("BDAT x LAST", "501 5.5.4")  # nobody knows what follows
    assert lmtp.closed()


def test_size(own_server):
    s = own_server("--set", "store/max-message=64K")
    c = Lmtp(s)
    assert "250-SIZE 65536" in ["250-" + line[4:] for line in c.say("LHLO x")]
    c.say("MAIL FROM:<> SIZE=65537", "552 5.3.4")
    line = b"x" * 98 + b"\r\n"
    fits, too_long = line * 600, line * 700
    assert c.deliver(fits, s.demo.name)[0].startswith("250")
    assert c.deliver(too_long, s.demo.name, s.demo.name) == [f"552 5.3.4 <{s.demo.name}> The message is too large"] * 2
    assert c.deliver(fits, s.demo.name)[0].startswith("250")
    assert len(messages(s, s.demo)) == 2


def test_8bitmime(server, lmtp, account):
    body = b"Subject: x\r\n\r\n" + bytes(range(128, 256)) + b"\r\n"
    lmtp.say("MAIL FROM:<> BODY=8BITMIME", 250)
    lmtp.say(f"RCPT TO:<{account.name}>", 250)
    lmtp.data(body)
    lmtp.code(250)
    assert messages(server, account)[0].endswith(body)


def test_smtputf8(server, lmtp, account):
    name = "jos\u00e9@example.org"
    server.fumi("account", "add", name, input=b"x\n")
    lmtp.say("MAIL FROM:<\u00e9@example.org>", "553 5.6.7")
    lmtp.say("MAIL FROM:<\u00e9@example.org> SMTPUTF8", 250)
    lmtp.say(f"RCPT TO:<{name}>", 250)
    lmtp.say(f"RCPT TO:<{account.name}>", 250)
    message = "Subject: d\u00e9j\u00e0 vu\r\nFrom: <\u00e9@example.org>\r\n\r\n\u00fc\r\n".encode()
    lmtp.data(message)
    assert lmtp.code(250).startswith(f"250 2.0.0 <{name}>")
    lmtp.code(250)
    [got] = messages(server, account)
    assert got.endswith(message)
    assert b" with UTF8LMTP id " in got and "Return-Path: <\u00e9@example.org>\r\n".encode() in got


def test_enhanced_status_codes(server, lmtp, account):
    """RFC 2034: every answer but the greeting, LHLO and 354 has one."""
    for line in ("NOOP", "RSET", "TURN", "MAIL FROM:<>", f"RCPT TO:<{account.name}>", "RCPT TO:<x@y>"):
        assert re.match(r"[245]\d\d [245]\.\d+\.\d+ ", lmtp.say(line)[-1])


def test_line_ends(server, lmtp, account):
    """Nothing but CR LF ends a line or the data; a lone LF becomes one when stored, a lone CR stays."""
    lmtp.send(b"NOOP\n")
    lmtp.code("500 5.5.2")
    lmtp.send(b"NO\rOP\r\n")
    lmtp.code("500 5.5.2")
    lmtp.send(b"NO\0OP\r\n")
    lmtp.code("500 5.5.2")
    lmtp.envelope(account.name)
    lmtp.say("DATA", 354)
    lmtp.send(b"Subject: x\r\n\r\na\n.\nb\n.\r\nMAIL FROM:<evil@example.org>\r\nc\r.\rd\r\n.\r\n")
    lmtp.code(250)
    lmtp.say("NOOP", "250 2.0.0")
    assert messages(server, account)[0].endswith(
        b"\r\n\r\na\r\n.\r\nb\r\n.\r\nMAIL FROM:<evil@example.org>\r\nc\r.\rd\r\n")


def test_nul_is_refused(server, lmtp, account):
    assert lmtp.deliver(b"Subject: x\r\n\r\na\0b\r\n", account.name)[0].startswith("554 5.6.0")
    lmtp.envelope(account.name)
    lmtp.send(b"BDAT 3 LAST\r\na\0b")
    lmtp.code("554 5.6.0")
    assert messages(server, account) == []


def test_long_lines(server, lmtp, account):
    lmtp.send(b"NOOP " + b"x" * 4089 + b"\r\n")  # 4096 in all
    lmtp.code("250")
    lmtp.send(b"NOOP " + b"x" * 4090 + b"\r\n")
    lmtp.code("500 5.5.2")
    lmtp.say("NOOP", 250)
    body = b"Subject: x\r\n\r\n" + b"y" * 300000 + b"\r\n"
    assert lmtp.deliver(body, account.name)[0].startswith("250")
    assert messages(server, account)[0].endswith(body)


def test_too_many_errors(lmtp):
    for _ in range(50):
        lmtp.say("NONSENSE", "500")
    lmtp.say("NONSENSE", "421")
    assert lmtp.closed()


def test_what_is_no_error(server, lmtp, account):
    """503 behind recipients that were all refused (RFC 2033 section 4.2); and what was stored makes up for errors."""
    for _ in range(60):
        lmtp.say("MAIL FROM:<a@b>", 250)
        lmtp.say("RCPT TO:<nobody@example.org>", 550)
        lmtp.say("DATA", "503 5.5.1")
        lmtp.send(b"BDAT 2 LAST\r\nhi")
        lmtp.code("503 5.5.1")
        lmtp.say("RSET", 250)
    for _ in range(2):
        for _ in range(40):
            lmtp.say("NONSENSE", "500")
        assert lmtp.deliver(MESSAGE, account.name)[0].startswith("250")


def test_addresses_that_are_no_utf8(lmtp):
    """RFC 6531 section 3.3; they are not repeated either."""
    for line, want in ((b"MAIL FROM:<\xe9@b> SMTPUTF8", "501 5.1.7"), (b"MAIL FROM:<a@\xc3(> SMTPUTF8", "501 5.1.7")):
        lmtp.send(line + b"\r\n")
        lmtp.code(want)
    lmtp.say("MAIL FROM:<> SMTPUTF8", 250)
    lmtp.send(b"RCPT TO:<\"\xff\"@b>\r\n")
    lmtp.code("501 5.1.3")


def test_many_recipients(server, lmtp):
    a = server.account()
    lmtp.say("MAIL FROM:<>", 250)
    lmtp.send(f"RCPT TO:<{a.name}>\r\n" * 5000)
    for _ in range(5000):
        lmtp.code("250 2.1.5")
    lmtp.say(f"RCPT TO:<{a.name}>", "452 4.5.3")
    lmtp.say("RSET", 250)
    lmtp.envelope(*[a.name] * 200)
    lmtp.data(MESSAGE)
    for _ in range(200):
        lmtp.code("250 2.0.0")
    assert len(messages(server, a)) == 200


def test_large_message_for_several(server, lmtp):
    """It goes by descriptor, the same one for all."""
    a, b = server.account(), server.account()
    body = MESSAGE + b"".join(b"%07d %s\r\n" % (i, b"z" * 60) for i in range(30000))
    lines = lmtp.deliver(body, a.name, b.name)
    assert all(line.startswith("250") for line in lines)
    for x in (a, b):
        [got] = messages(server, x)
        assert hashlib.sha256(got[-len(body):]).digest() == hashlib.sha256(body).digest()


def test_sessions_see_it_at_once(server, account):
    with server.imaplib(account) as c:
        c.select()
        Lmtp(server).deliver(MESSAGE, account.name)
        wait_for(lambda: c.noop() and c.untagged_responses.get("EXISTS", [b""])[-1] == b"1")


# --- settings ---


def test_detail_mailbox(own_server):
    s = own_server("--set", "delivery/detail-mailbox=yes", "--set", "delivery/postmaster=demo@example.org",
                   "--set", "delivery/recipient-delimiter=-+")
    with s.imaplib(s.demo) as c:
        c.create("lists")
    lines = Lmtp(s).deliver(MESSAGE, "demo+lists@example.org", "demo-none@example.org", "Postmaster",
                            "postmaster@elsewhere.example")
    assert all(line.startswith("250") for line in lines)
    assert (len(messages(s, s.demo, "lists")), len(messages(s, s.demo))) == (1, 3)


def test_socket_file(own_server, tmp_path):
    path = str(tmp_path / "lmtp.sock")
    s = own_server("--set", "listener file/protocol=lmtp", "--set", f"listener file/path={path}")
    c = Lmtp(path)
    assert c.deliver(MESSAGE, s.demo.name)[0].startswith("250")
    assert b"Received: from client.example\r\n\tby" in messages(s, s.demo)[0]
    if os.geteuid() == 0:  # somebody else may not
        os.chmod(tmp_path, 0o755)
        code = ("import socket, os, sys; os.setuid(65534); s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
                "print(s.recv(100).decode())")
        chain = subprocess.run(["namei", "-m", path], capture_output=True, text=True).stdout
        r = subprocess.run(["/usr/bin/python3", "-c", code, path], capture_output=True, text=True)
        assert r.stdout.startswith("421 4.7.0") or "Permission" in r.stderr, (r, chain)


def test_configuration_that_would_be_open(own_server):
    s = own_server()
    conf = os.path.join(s.dir, "open.conf")
    with open(conf, "w") as f:
        f.write("[listener lmtp]\nprotocol = lmtp\n")
    r = subprocess.run([s.info["fumi"], "-c", conf, "config", "check"], capture_output=True, text=True)
    assert r.returncode != 0 and "needs an address or a path" in r.stderr + r.stdout


def test_silent_client_is_timed_out(own_server):
    s = own_server("--set", "lmtp/timeout=1s")
    silent, stalled = Lmtp(s), Lmtp(s)
    stalled.envelope(s.demo.name)
    stalled.say("DATA", 354)
    stalled.send(b"Subject: x\r\n")
    for _ in range(20):  # meanwhile others are served
        assert Lmtp(s).deliver(MESSAGE, s.demo.name)[0].startswith("250")
    for c in (silent, stalled):
        c.code("421 4.4.2")
        assert c.closed()
    assert len(messages(s, s.demo)) == 20


def test_connections_are_limited(own_server):
    s = own_server("--set", "lmtp/connections=3")
    kept = [Lmtp(s) for _ in range(3)]
    fourth = Lmtp(s, hello=False)
    assert fourth.greeting[0].startswith("421")
    kept[0].close()
    wait_for(lambda: Lmtp(s, hello=False).greeting[0].startswith("220"))


def test_memory_is_shared(own_server):
    """Who has most of the memory for large messages gets no more; others, and later mail, are served."""
    s = own_server("--set", "lmtp/memory=4M", "--set", "store/max-message=3M")
    body = MESSAGE + (b"x" * 98 + b"\r\n") * 8000
    greedy = [Lmtp(s) for _ in range(5)]

    def send(c):
        c.envelope(s.demo.name)
        c.send(b"BDAT %d\r\n" % len(body) + body)
        c.code("250 2.0.0")
    for c in greedy:
        send(c)  # what does not fit is known at the end
    other = Lmtp(s, source="127.0.0.2")
    send(other)
    other.say("BDAT 0 LAST", "250 2.0.0 <")
    stored = 1
    for c, wanted in zip(greedy, (["250 2.0.0 <"], ["250 2.0.0 <"], ["250 2.0.0 <", "452 4.3.1"], ["452 4.3.1"],
                                  ["452 4.3.1"]), strict=True):  # the third is at the limit
        stored += c.say("BDAT 0 LAST", *wanted).startswith("250")
    send(greedy[4])
    greedy[4].say("BDAT 0 LAST", "250 2.0.0 <")
    largest = MESSAGE + b"x" * (3 * 1024 * 1024 - len(MESSAGE))  # may have more than half, alone
    assert Lmtp(s).deliver(largest[:-2] + b"\r\n", s.demo.name)[0].startswith("250")
    assert len(messages(s, s.demo)) == stored + 2


def test_full_disk(own_server, small_disk):
    """452 for what has no room; what was taken before is whole, and nothing of the rest is there."""
    s = own_server(directory=small_disk / "server")
    c, stored, line = Lmtp(s), [], "250"
    for i in range(2000):
        body = b"Subject: m%d\r\n\r\n" % i + b"x" * 60000 + b"\r\n"
        [line] = c.deliver(body, s.demo.name)
        if not line.startswith("250"):
            break
        stored.append(body)
    assert line.startswith("452 4.3.1"), line
    assert len(stored) > 10
    [line] = c.deliver(body, s.demo.name)
    assert line.startswith("45"), line
    assert [m[-len(b):] for m, b in zip(messages(s, s.demo), stored, strict=True)] == stored


# --- processes that die ---


def deliveries(s):
    return s.processes("fumi-delivery")


def test_process_stays_while_there_is_work_and_then_goes(own_server):
    s = own_server()
    c = Lmtp(s)
    c.deliver(MESSAGE, s.demo.name)
    [first] = deliveries(s)
    for _ in range(5):
        c.deliver(MESSAGE, s.demo.name)
    assert deliveries(s) == [first]
    wait_for(lambda: not deliveries(s))
    c.deliver(MESSAGE, s.demo.name)
    assert len(messages(s, s.demo)) == 7


def test_deliveries_as_processes_leave(own_server):
    """A process leaves when nothing has come for two seconds; what crosses that is not lost."""
    s = own_server()
    c = Lmtp(s)
    for pause in (1.99, 1.995, 1.999, 2.0, 2.001, 2.005, 2.01):
        assert c.deliver(MESSAGE, s.demo.name)[0].startswith("250")
        time.sleep(pause)
    assert len(messages(s, s.demo)) == 7


def send_many(s, stop, sent, sure, unsure, name, number):
    """Until told to stop: what was promised goes to sure, what was not known to have failed to unsure."""
    i = 0
    while not stop.is_set():
        try:
            c = Lmtp(s, timeout=60)
            while not stop.is_set():
                key = f"{number}-{i}"
                i += 1
                sent.append(key)
                unsure.add(key)
                [line] = c.deliver(f"Subject: {key}\r\n\r\n{key}\r\n".encode(), name)
                if line.startswith("250"):
                    sure.add(key)
                else:
                    assert line.startswith("45"), line
        except (OSError, ConnectionError, AssertionError):
            time.sleep(0.05)


@pytest.mark.parametrize("victim", ["fumi-delivery", "fumi-lmtp", "fumi-hub", "fumi-forker", "fumi-auth"])
def test_kill_under_load(own_server, victim):
    """Whatever dies: what was answered with 250 is there, once; nothing is there that was never sent."""
    s = own_server()
    stop, sent, sure, unsure = threading.Event(), [], set(), set()
    threads = [threading.Thread(target=send_many, args=(s, stop, sent, sure, unsure, s.demo.name, n)) for n in range(4)]
    for t in threads:
        t.start()
    for _ in range(5):
        before = len(sure)
        wait_for(lambda: len(sure) >= before + 10, 60)
        s.kill_those(victim, 1)
    before = len(sure)
    wait_for(lambda: len(sure) >= before + 10, 60)
    stop.set()
    for t in threads:
        t.join(90)
    wait_for(lambda: can_log_in(s, s.demo))  # who was killed may still be coming back
    got = [re.search(rb"\r\nSubject: (.*)\r\n", m)[1].decode() for m in messages(s, s.demo)]
    assert len(got) == len(set(got))
    assert sure <= set(got) <= set(sent)
    s.fumi("verify", "-u", s.demo.name)


def test_server_stops_in_order(own_server):
    s = own_server()
    idle = Lmtp(s)
    assert Lmtp(s).deliver(MESSAGE, s.demo.name)[0].startswith("250")
    s.close()
    assert idle.answer()[0].startswith("421")
    assert idle.closed()


def test_one_flush_a_commit(own_server):
    """Counted at the system calls of the delivery process, with messages that come one by one."""
    if subprocess.run(["strace", "-V"], capture_output=True).returncode != 0:
        pytest.skip("there is no strace")
    s = own_server()
    c = Lmtp(s)
    c.deliver(MESSAGE, s.demo.name)
    [pid] = deliveries(s)
    out = os.path.join(s.dir, "strace")
    t = subprocess.Popen(["strace", "-f", "-e", "trace=fdatasync,fsync,sync_file_range,msync", "-o", out, "-p", str(pid)],
                         stderr=subprocess.PIPE, text=True)
    try:
        line = t.stderr.readline()
        if "attached" not in line:
            pytest.skip(line)
        for _ in range(10):
            c.deliver(MESSAGE, s.demo.name)
    finally:
        t.terminate()
        t.wait()
    with open(out) as f:
        calls = [line.split()[1] for line in f if "sync" in line]
    assert len(calls) == 10 and all(call.startswith("fdatasync(") for call in calls), calls
