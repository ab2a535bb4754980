"""Large messages in constant memory, and clients that stall."""
import hashlib
import os
import time

import pytest
from serving import message, process_status, wait_for

LARGE = 50 << 20
MEMORY_KIB = 30 << 10  # more than enough for any buffers, much less than a message
PIECE = 1 << 20


def octets(n):
    """Lines of 76, not compressible, the same each time."""
    line = os.urandom(37 * 1024).hex().encode()
    block = b"".join(line[i:i + 74] + b"\r\n" for i in range(0, len(line) - 73, 74))
    head = message("large")
    return head + (block * (n // len(block) + 1))[:n - len(head)]


@pytest.mark.parametrize("tls", [False, True])
def test_fifty_megabytes(server, account, tls):
    sent = octets(LARGE)
    c, pid = server.forked_by(lambda: server.raw(account, tls))
    before = process_status(pid, "RssAnon")
    c.ok(b"SELECT INBOX")
    tag = c.begin(b"APPEND INBOX {%d}" % len(sent))
    assert c.reply().startswith(b"+")
    worst = 0
    for at in range(0, len(sent), PIECE):
        c.send(sent[at:at + PIECE])
        worst = max(worst, process_status(pid, "RssAnon"))
    c.send(b"\r\n")
    assert c.end(tag)[1].startswith(b"OK")

    tag = c.begin(b"FETCH 1 BODY.PEEK[]")
    digest, got = hashlib.sha256(), 0
    while b"\r\n" not in c.got:
        c.fill()
    head, rest = bytes(c.got).split(b"\r\n", 1)
    assert head.endswith(b"{%d}" % len(sent)) or b"EXISTS" in head or b"RECENT" in head
    while not head.endswith(b"{%d}" % len(sent)):
        while b"\r\n" not in rest:
            c.got = bytearray()
            c.fill()
            rest += bytes(c.got)
        head, rest = rest.split(b"\r\n", 1)
    while got < len(sent):
        digest.update(rest[:len(sent) - got])
        got += len(rest)
        worst = max(worst, process_status(pid, "RssAnon"))
        if got < len(sent):
            rest = c.socket.recv(PIECE)
    assert digest.digest() == hashlib.sha256(sent).digest()
    c.got = bytearray(rest[len(rest) - (got - len(sent)):] if got > len(sent) else b"")
    assert c.end(tag)[1].startswith(b"OK")
    # parts, and what must look into it
    assert any(b"{1000}" in u for u in c.ok(b"FETCH 1 BODY.PEEK[]<10000000.1000>"))
    c.ok(b"FETCH 1 (RFC822.SIZE ENVELOPE BODYSTRUCTURE)")
    c.ok(b"SEARCH BODY nowhere-to-be-found")
    worst = max(worst, process_status(pid, "RssAnon"))
    assert worst - before < MEMORY_KIB, (before, worst)
    for gate in server.processes("fumi-gate"):
        assert process_status(gate, "VmHWM") < 3 * MEMORY_KIB
    c.close()


def test_too_large(server, account):
    """Refused before a byte of it is sent, or swallowed, and the connection lives."""
    c = server.raw(account)
    tag = c.begin(b"APPEND INBOX {%d}" % (200 << 20))
    status = c.end(tag)[1]
    assert status.startswith((b"NO [LIMIT]", b"NO [TOOBIG]"))
    c.ok(b"NOOP")
    c.close()


def size_of(account):
    return sum(os.lstat(os.path.join(d, f)).st_blocks * 512 for d, _, fs in os.walk(account.dir) for f in fs)


def test_stalled_append_delays_nobody(server, account):
    stalled = [server.raw(account) for _ in range(5)]
    for c in stalled:
        c.begin(b"APPEND INBOX {40000000}")
        assert c.reply().startswith(b"+")
        c.send(message("never whole") * 100)
    c = server.raw(account)
    t = time.monotonic()
    for i in range(20):
        assert c.append(b"INBOX", message(f"quick {i}")).startswith(b"OK")
    c.ok(b"SELECT INBOX")
    c.ok(b"STORE 1:10 +FLAGS (\\Deleted)")
    c.ok(b"EXPUNGE")
    assert time.monotonic() - t < 10, "waited for somebody"
    assert size_of(account) < 16 << 20
    for s in stalled:
        s.close()
    c.ok(b"NOOP")
    assert c.ok(b"SEARCH ALL")[-1].split()[2:] == [b"%d" % i for i in range(1, 11)]
    c.close()
    # what was spooled goes with its session
    wait_for(lambda: size_of(account) < 16 << 20)


def test_stalled_fetch_delays_nobody_and_grows_nothing(server, account):
    c = server.raw(account)
    big = octets(2 << 20)
    for _ in range(20):
        assert c.append(b"INBOX", big).startswith(b"OK")
    stalled = [server.raw(account) for _ in range(3)]
    for s in stalled:
        s.ok(b"SELECT INBOX")
        s.begin(b"FETCH 1:* BODY.PEEK[]")  # and does not read
    time.sleep(0.3)
    before = size_of(account)
    t = time.monotonic()
    c.ok(b"SELECT INBOX")
    for i in range(200):
        c.ok(b"STORE %d FLAGS (\\Seen k%d)" % (i % 20 + 1, i % 5))
        if i % 10 == 0:
            assert c.append(b"INBOX", message(f"more {i}")).startswith(b"OK")
    assert time.monotonic() - t < 30, "waited for somebody"
    assert size_of(account) - before < 8 << 20
    # it reads on and gets all that it asked for
    s = stalled[0]
    untagged, status = s.end(b"t%d" % s.tags)
    assert status.startswith(b"OK")
    assert sum(big in u for u in untagged) == 20
    for s in stalled:
        s.close()
    c.close()
