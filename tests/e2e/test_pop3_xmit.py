"""XTND XMIT: clients of POP3 send mail."""
import pytest

pytest.importorskip("aiosmtpd")
from lines import Line  # noqa: E402
from serving import wait_for  # noqa: E402

NAMED = "From: Demo <demo@example.org>\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <{}@example.org>\r\n"


@pytest.fixture
def start(own_server, sink):
    def start(*options, out=True):
        way = ["--set", f"out/smtp={sink.url()}", "--set", "out/smtp-tls=never"] if out else []
        return own_server("--set", "pop3/xtnd-xmit=yes", "--set", "server/hostname=mail.example.org", *way, *options)
    return start


def login(server, account=None):
    a = account or server.demo
    c = Line(server)
    assert c.say(f"USER {a.name}").startswith(b"+OK") and c.say(f"PASS {a.password}").startswith(b"+OK")
    return c


def xmit(c, message, end="\r\n.\r\n"):
    assert c.say("XTND XMIT").startswith(b"+OK Send")
    c.send(message.encode() + end.encode())
    return c.line()


def test_sent(start, sink):
    server = start()
    c = login(server)
    text = (NAMED.format(1) + "To: one@example.com, Friends: two@example.com;\r\nBcc: three@example.com\r\n"
            "Subject: dots\r\n\r\n")
    assert xmit(c, text + "..\r\n...two\r\nlast") == b"+OK The message will be sent"
    assert c.say("STAT") == b"+OK 0 0"  # the session goes on
    for to in ("one@example.com", "two@example.com", "three@example.com"):
        ((sender, octets),) = wait_for(lambda to=to: sink.to(to))
        assert sender == "demo@example.org"
        assert b"Bcc" not in octets and b"three@example.com" not in octets
        assert octets.startswith(b"Received: from [127.0.0.1] by mail.example.org (POP3 XTND XMIT);\r\n\t")
        assert octets.endswith(b"Subject: dots\r\n\r\n.\r\n..two\r\nlast\r\n")
    c.say("QUIT")


def test_in_pieces_with_any_line_ends(start, sink):
    server = start()
    c = login(server)
    assert c.say("xtnd xmit").startswith(b"+OK")
    message = NAMED.format(2).replace("\r\n", "\n") + "To: pieces@example.com\n\nlf\n.\rX\rcr\r\n.\r\n"
    for octet in message.encode():
        c.send(bytes([octet]))
    assert c.line().startswith(b"+OK")
    ((_, octets),) = wait_for(lambda: sink.to("pieces@example.com"))
    assert octets.endswith(b"\r\n\r\nlf\r\n\r\nX\r\ncr\r\n")


def test_no_empty_line(start, sink):
    """The body begins with the first line that is no field; nothing of it is lost."""
    server = start()
    c = login(server)
    text = NAMED.format(4) + "To: lines@example.com\r\nSubject: a\r\n subject\r\nHello there,\r\nTo: me\r\n\r\nlast"
    assert xmit(c, text).startswith(b"+OK")
    ((_, octets),) = wait_for(lambda: sink.to("lines@example.com"))
    assert octets.endswith(b"Subject: a\r\n subject\r\n\r\nHello there,\r\nTo: me\r\n\r\nlast\r\n")
    assert xmit(c, " folded\r\n" + text) == b"-ERR The message names no recipient"


def test_refused(start):
    """With the reason, after the message; the session goes on each time."""
    server = start("--set", "store/max-message=64K", "--set", "out/redirects-per-day=2")
    c = login(server)
    assert xmit(c, NAMED.format(1) + "\r\nbody") == b"-ERR The message names no recipient"
    assert xmit(c, "") == b"-ERR The message names no recipient"
    many = "".join(f"To: a{i}@example.com\r\n" for i in range(65))
    assert xmit(c, many + "\r\nbody") == b"-ERR The message has too many recipients"
    assert xmit(c, 'To: "a b"@example.com\r\n\r\nbody').startswith(b"-ERR An address")
    assert xmit(c, "To: a@example.com\r\n\r\n" + "x" * 70000) == b"-ERR The message is too large"
    assert xmit(c, "X-Long: " + "x" * 300000 + "\r\nTo: a@example.com\r\n\r\n") == b"-ERR The message is too large"
    for i, answer in enumerate((b"+OK", b"+OK", b"-ERR [SYS/PERM] The message is refused: ")):
        assert xmit(c, f"To: a@example.com\r\n\r\nnumber {i}").startswith(answer)
    assert c.say("XTND").startswith(b"-ERR") and c.say("XTND SCAN 1").startswith(b"-ERR")
    assert c.say("STAT") == b"+OK 0 0"


def test_said_again(start, sink):
    """Who has not heard the answer says it again, and it is sent once."""
    server = start()
    message = NAMED.format(3) + "To: again@example.com\r\n\r\nonce"
    c = login(server)
    assert c.say("XTND XMIT").startswith(b"+OK")
    c.send(message.encode() + b"\r\n.\r\n")
    c.socket.close()
    wait_for(lambda: sink.to("again@example.com"))
    c = login(server)
    assert xmit(c, message).startswith(b"+OK")
    assert xmit(c, message.replace("once", "another")).startswith(b"+OK")
    wait_for(lambda: len(sink.to("again@example.com")) == 2)
    assert [m.rsplit(b"\r\n", 2)[1] for _, m in sink.to("again@example.com")] == [b"once", b"another"]


def test_capability(start, server):
    """Before login and after it, where it may be used."""
    for s, there in ((start(), True), (start(out=False), False), (server, False)):
        for c in (Line(s), login(s)):
            assert c.say("CAPA").startswith(b"+OK ")
            assert (b"X-XTND-XMIT" in list(iter(c.line, b"."))) == there


def test_no_way_out(start):
    c = login(start(out=False))
    assert c.say("XTND XMIT") == b"-ERR [SYS/PERM] Mail cannot be sent from here"
    assert c.say("STAT").startswith(b"+OK")


def test_half_a_message(start, sink):
    """It is not sent."""
    server = start()
    c = login(server)
    assert c.say("XTND XMIT").startswith(b"+OK")
    c.send(b"To: half@example.com\r\n\r\nhalf")
    c.socket.close()
    c = login(server)
    assert xmit(c, "To: whole@example.com\r\n\r\nwhole").startswith(b"+OK")
    wait_for(lambda: sink.to("whole@example.com"))
    assert not sink.to("half@example.com")


def test_off(server, account):
    c = login(server, account)
    assert c.say("XTND XMIT") == b"-ERR Unknown command"
