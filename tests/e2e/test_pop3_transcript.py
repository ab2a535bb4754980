"""The session of figure 6 of the column in tests/vectors/source001; and a disk that is full."""
import poplib
import re
import socket
import ssl

from serving import VECTORS, message
from test_managesieve import Client

SIZES = [267, 474, 470]  # with CRLF; the column's server counted LF: 259, 462, 459


def test_figure_6(server, account):
    sent = []
    for i in (3, 2, 1):
        with open(f"{VECTORS}/source001/{i}.eml", "rb") as f:
            sent.append(f.read())
    c = server.imaplib(account)
    for m in sent:
        c.append("INBOX", None, None, m)
    c.logout()
    f = socket.create_connection(("127.0.0.1", server.ports["pop3"]), 30).makefile("rwb")

    def say(line):
        f.write(line + b"\r\n")
        f.flush()
        return f.readline()

    def lines():
        return iter(f.readline, b".\r\n")

    greeting = f.readline()
    assert greeting.startswith(b"+OK ") and b"<" not in greeting  # no APOP, no challenge
    assert say(b"USER " + account.name.encode()) == b"+OK Password required for " + account.name.encode() + b"\r\n"
    assert say(b"PASS " + account.password.encode()) == b"+OK 3 messages\r\n"
    assert re.fullmatch(rb"\+OK 3 .*\r\n", say(b"LIST"))
    assert list(lines()) == [b"%d %d\r\n" % x for x in enumerate(SIZES, 1)]
    assert say(b"STAT") == b"+OK 3 %d\r\n" % sum(SIZES)
    assert say(b"RETR 1") == b"+OK 267 octets\r\n"
    assert b"".join(lines()) == sent[0] and b"\r\nFrom \x1b$B" in sent[0]  # not quoted
    assert say(b"QUIT").startswith(b"+OK ")
    assert f.readline() == b""


def test_disk_full(own_server, small_disk):
    """Mail is read and removed; a script is refused, and the old one stays."""
    s = own_server(directory=small_disk / "server")
    a = s.account()
    sieve = Client(s, a)
    assert sieve.do(b'PUTSCRIPT "a" "keep;"')[1].startswith(b"OK")
    c = s.raw(a)
    n = 0
    while c.append(b"INBOX", message(f"m {n}", "x\r\n" * 20000)).startswith(b"OK"):
        n += 1
    with open(small_disk / "rest", "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass
    big = b"#" * 100000
    assert sieve.do(b'PUTSCRIPT "a" {%d+}\r\n%s' % (len(big), big))[1].startswith(b"NO (QUOTA)")
    sieve.send(b'GETSCRIPT "a"')
    assert [sieve.file.readline() for _ in range(3)] == [b"{5}\r\n", b"keep;\r\n", b"OK\r\n"]
    p = poplib.POP3_SSL("localhost", s.ports["pop3s"], context=ssl.create_default_context(cafile=s.cert), timeout=60)
    p.user(a.name)
    p.pass_(a.password)
    assert p.stat()[0] == n
    assert p.retr(n)[2] > 50000
    for i in range(1, n):
        p.dele(i)
    assert p.quit().startswith(b"+OK")
    assert b"* 1 EXISTS" in c.ok(b"SELECT INBOX")
    c.close()
