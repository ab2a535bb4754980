"""What an enemy does: to the files of an account, to the commands, to the server as a whole. He gets an answer that
says so, the log names the file, and nobody else notices."""
import glob
import os
import socket
import time

import pytest
from serving import message, wait_for


def filled(server, account, n=20, large=False):
    c = server.raw(account)
    for i in range(n):
        assert c.append(b"INBOX", message(f"m {i}")).startswith(b"OK")
    if large:
        assert c.append(b"INBOX", message("large", "y" * (3 << 19))).startswith(b"OK")
    c.close()
    wait_for(lambda: not server.processes("fumi-session"))


def records(server, word):
    return [line for line in server.log().splitlines() if word in line]


# ---- damaged accounts ----


def test_lost_body(own_server):
    """The file of a large message is gone: the others are read, and the log says which file it is."""
    s = own_server()
    filled(s, s.demo, large=True)
    for path in glob.glob(os.path.join(s.demo.dir, "log", "body", "*")):
        os.unlink(path)
    c = s.raw(s.demo)
    c.ok(b"SELECT INBOX")
    untagged, status = c.command(b"FETCH 1:* BODY.PEEK[]")
    assert status.startswith(b"NO [SERVERBUG]") and len(untagged) == 20, status
    assert records(s, "log/body/0000000000000015: open: No such file")
    c.ok(b"FETCH 1:20 BODY.PEEK[]")
    assert b"log/body/0000000000000015: open:" in s.fumi("verify", "-u", s.demo.name, status=65)
    c.close()


@pytest.mark.parametrize("view", ["kept", "gone"])
def test_damage_is_logged(own_server, view):
    """One octet in the middle of the log, or its second half: what is readable is there, a record names the file."""
    s = own_server()
    filled(s, s.demo)
    path = os.path.join(s.demo.dir, "log", "0000000000000001.seg")
    with open(path, "rb") as f:
        size = len(f.read().rstrip(b"\0"))  # without the room behind the last commit
    if view == "gone":
        with open(path, "r+b") as f:
            f.seek(size // 2)
            octet = f.read(1)[0]
            f.seek(size // 2)
            f.write(bytes([octet ^ 0x40]))
        for name in glob.glob(os.path.join(s.demo.dir, "view*")):
            os.unlink(name)
    else:
        os.truncate(path, size // 2)
    c = s.raw(s.demo)
    c.ok(b"SELECT INBOX")
    there = len(c.ok(b"FETCH 1:* BODY.PEEK[]"))
    assert there == 19 if view == "gone" else 0 < there < 19
    assert len(records(s, 'damage user=demo@example.org why="log/0000000000000001.seg:')) == 1
    assert c.append(b"INBOX", message("goes on")).startswith(b"OK")
    c.close()


@pytest.mark.parametrize("what", ["fifo", "symlink", "directory"])
def test_no_file(own_server, what):
    """Something that is no file in the place of the log keeps nobody waiting."""
    s = own_server()
    filled(s, s.demo, 1)
    path = os.path.join(s.demo.dir, "log", "0000000000000001.seg")
    os.rename(path, path + ".old")
    if what == "fifo":
        os.mkfifo(path)
    elif what == "symlink":
        os.symlink(path + ".old", path)
    else:
        os.mkdir(path)
    c = s.raw()
    status = c.command(b"LOGIN demo@example.org demo")[1]
    assert status.startswith(b"NO [UNAVAILABLE]"), status
    assert records(s, "log/0000000000000001.seg: something else has that name")
    s.fumi("verify", "-u", s.demo.name, status=74)
    c.close()


# ---- evil mail ----


def test_header_too_large_for_the_summary(server, account):
    """Nothing of it is cached; what is asked for is made from the message."""
    size = 17 << 20
    c = server.raw(account)
    c.ok(b"SELECT INBOX")
    assert c.append(b"INBOX", b"From: a@b.example\r\nSubject: %s\r\n\r\nhi\r\n" % (b"x" * size)).startswith(b"OK")
    c.ok(b"NOOP")
    envelope, = c.ok(b"FETCH 1 ENVELOPE")
    assert envelope.startswith(b"* 1 FETCH (ENVELOPE (NIL {%d}\r\nxxx" % size)
    assert envelope[-200:].count(b'((NIL NIL "a" "b.example"))') == 3
    fields, = c.ok(b"FETCH 1 BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    assert fields.startswith(b"* 1 FETCH (BODY[HEADER.FIELDS (SUBJECT)] {%d}\r\nSubject: xxx" % (size + 13))
    assert b'("text" "plain" ' in c.ok(b"FETCH 1 BODYSTRUCTURE")[0]
    assert c.ok(b"SEARCH SUBJECT xxx")[-1] == b"* SEARCH 1"
    c.close()


# ---- the server as a whole ----


def test_stop_with_stuck_clients(own_server):
    """Who neither reads nor finishes what was begun delays the end by stop-timeout, and it is still in order."""
    s = own_server("--set", "server/stop-timeout=2s")
    filled(s, s.demo, 0, large=True)
    clients = [s.raw(s.demo, tls) for tls in (False, True)]
    for c in clients:
        for _ in range(3):
            c.ok(b"APPEND INBOX {3+}\r\nx\r\n")
        c.ok(b"SELECT INBOX")
        c.send(b"x FETCH 1,1:* BODY.PEEK[]\r\n" * 40)
    late = s.raw(s.demo)
    late.send(b"x APPEND INBOX {100}\r\n")
    half = socket.create_connection(("127.0.0.1", s.imaps), 30)
    time.sleep(0.5)
    everybody = s.processes()
    start = time.monotonic()
    s.close()
    assert time.monotonic() - start < 10
    wait_for(lambda: not [p for p in everybody if alive(p)])
    half.close()


def imap_not_reading(s):
    c = s.raw(s.demo)
    c.ok(b"SELECT INBOX")
    c.send(b"x FETCH 1,1:* BODY.PEEK[]\r\n" * 40)
    return c


def pop3_not_reading(s):
    c = socket.create_connection(("127.0.0.1", s.ports["pop3"]), 30)
    c.sendall(b"USER %s\r\nPASS %s\r\n" % (s.demo.name.encode(), s.demo.password.encode()) + b"RETR 1\r\n" * 40)
    return c


@pytest.mark.parametrize("client", [imap_not_reading, pop3_not_reading])
def test_stop_with_a_client_that_does_not_read(own_server, client):
    """Its session waits a second for it, not the whole stop-timeout."""
    s = own_server("--set", "server/stop-timeout=60s")
    filled(s, s.demo, 0, large=True)
    stuck = client(s)
    wait_for(lambda: s.processes("fumi-session"))
    time.sleep(0.5)
    start = time.monotonic()
    s.close()
    assert time.monotonic() - start < 20
    del stuck


def alive(pid):
    try:
        return "\nState:\tZ" not in open(f"/proc/{pid}/status").read()
    except OSError:
        return False
