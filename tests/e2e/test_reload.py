"""What SIGHUP does, and what it does not: certificates that cannot be used, processes that are just starting, settings
that need a restart."""
import contextlib
import os
import re
import signal
import socket

import pytest

import serving
from serving import process_name, process_parents, wait_for


def results(server):
    """How the reloads went, so far."""
    return re.findall(r"MASTER reload text=(\"[^\"]*\"|\S+)", server.log())


def hup(server):
    """SIGHUP; what the log says of it at its end."""
    before = len(results(server))
    os.kill(server.pid, signal.SIGHUP)
    return wait_for(lambda: [r for r in results(server)[before:] if r == "done" or r.startswith('"failed')])[-1]


def children(server, name):
    return [c for c, parent in process_parents().items() if parent == server.pid and process_name(c) == name]


@pytest.fixture
def one_gate(own_server):
    server = own_server("--set", "server/gates=1", "--set", "server/log-level=major")
    wait_for(lambda: "MASTER ready" in server.log())  # it answers a little before
    return server


def test_mail_that_leaves_goes_on_at_once(one_gate):
    """fumi-out begins anew at a reload: no failure, and each time without waiting."""
    server = one_gate
    for _ in range(4):
        old = wait_for(lambda: children(server, "fumi-out"))
        assert hup(server) == "done"
        wait_for(lambda: set(children(server, "fumi-out")) - set(old))
    assert "process-ended" not in server.log()
    server.close()


def test_a_long_run_dir(own_server, tmp_path):
    run = tmp_path / ("r" * 120)
    server = own_server("--set", f"server/run-dir={run}")
    c = server.raw(server.demo)
    assert b"demo@example.org" in server.fumi("top")
    server.fumi("out", "list")
    server.fumi("deliver", "demo@example.org", input=serving.message("by the server"))
    c.close()
    server.close()
    assert b"no server is running" in server.fumi("top", status=69)


def test_only_a_server_that_is_not_there_is_done_without(own_server, tmp_path):
    """What listens there and says nothing is not taken for an absent server."""
    server = own_server()
    server.close()
    path = os.path.join(server.dir, "run", "fumi.sock")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    other = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)  # of another type: EPROTOTYPE
    other.bind(path)
    other.listen()
    r = server.fumi("deliver", "demo@example.org", input=serving.message("not alone"), status=75)
    assert b"fumi.sock" in r
    other.close()


def test_a_client_that_does_not_read_holds_nothing_up(own_server):
    server = own_server()
    c = server.raw(server.demo, tls=True)
    assert c.append(b"INBOX", b"Subject: large\r\n\r\n" + b"x" * 30_000_000 + b"\r\n").startswith(b"OK")
    c.ok(b"SELECT INBOX")
    c.begin(b"FETCH 1 BODY.PEEK[]")
    c.socket.recv(1000)  # it has begun
    with open(server.info["log"]) as f:
        f.seek(0, os.SEEK_END)
        server.close()
        assert "killed" not in f.read()
    c.close()
