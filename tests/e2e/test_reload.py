"""What SIGHUP does, and what it does not: certificates that cannot be used, processes that are just starting, settings
that need a restart."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

import serving
from serving import process_name, process_parents, wait_for
from test_gate import make_certificate, peer_name


def replace_certificate(server, directory, cert, key=None):
    """Put these in the place of the server's own; key None: leave the key."""
    shutil.copy(directory / f"{cert}.pem", f"{server.dir}/tls/cert.pem")
    if key is not None:
        shutil.copy(directory / f"{key}.key", f"{server.dir}/tls/key.pem")


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


@contextlib.contextmanager
def caught_while_it_starts(server, name):
    """A process of that name that was started anew and has not gone on to READY."""
    old = children(server, name)
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    new = wait_for(lambda: [c for c in children(server, name) if c not in old], every=0)
    for pid in new:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in new:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def one_gate(own_server):
    server = own_server("--set", "server/gates=1", "--set", "server/log-level=major")
    wait_for(lambda: "MASTER ready" in server.log())  # it answers a little before
    return server


def test_a_certificate_that_does_not_fit_is_never_in_force(one_gate, tmp_path):
    server = one_gate
    make_certificate(tmp_path, "new.example")
    replace_certificate(server, tmp_path, "new.example")  # and the old key, as in a renewal half done
    assert "cert.pem: no key that fits" in hup(server)
    assert peer_name(server, "any.example") == "localhost"
    for pid in children(server, "fumi-gate"):
        os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: served(server)) == "localhost"
    replace_certificate(server, tmp_path, "new.example", "new.example")
    assert hup(server) == "done"
    assert peer_name(server, "any.example") == "new.example"
    for pid in children(server, "fumi-gate"):
        os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: served(server)) == "new.example"
    server.close()


def served(server):
    """The name in the certificate; None while there is nobody to show it."""
    with contextlib.suppress(OSError):
        return peer_name(server, "any.example")


def test_a_gate_that_starts_hears_of_a_reload(one_gate, tmp_path):
    server = one_gate
    make_certificate(tmp_path, "new.example")
    with caught_while_it_starts(server, "fumi-gate"):
        replace_certificate(server, tmp_path, "new.example", "new.example")
        before, out = len(results(server)), children(server, "fumi-out")
        os.kill(server.pid, signal.SIGHUP)
        wait_for(lambda: children(server, "fumi-out") not in (out, []))  # that one has heard
    wait_for(lambda: "done" in results(server)[before:])
    assert peer_name(server, "any.example") == "new.example"
    server.close()


def test_a_process_that_starts_hears_of_a_reload(one_gate):
    """auth, which would take passwords in the clear from anywhere."""
    server = one_gate
    with open(server.info["conf"]) as f:
        text = f.read()
    with caught_while_it_starts(server, "fumi-auth"):
        with open(server.info["conf"], "w") as f:
            f.write(text.replace("cleartext = loopback", "cleartext = never"))
        assert hup(server) == "done"
    wait_for(lambda: b"LOGINDISABLED" in greeting(server))
    server.close()


def greeting(server):
    with contextlib.suppress(serving.Closed, OSError):
        c = server.raw()
        c.close()
        return c.greeting
    return b""


def test_what_needs_a_restart_is_said(one_gate):
    server = one_gate
    with open(server.info["conf"]) as f:
        text = f.read()
    with open(server.info["conf"], "w") as f:
        f.write(text.replace("gates = 1", "gates = 2\nstop-timeout = 21s")
                + "[listener more]\naddress = 127.0.0.1\nport = 0\n[store]\nuid-range = 300000-300010\n")
    assert hup(server) == "done"
    said = [r for r in results(server) if "restart" in r]
    assert len(said) == 1
    for name in ("[server] gates", "[listener more]", "[store] uid-range"):
        assert name in said[0]
    assert "stop-timeout" not in said[0] and "[server] log" not in said[0]
    with open(server.info["conf"], "w") as f:
        f.write(text)
    assert hup(server) == "done"
    assert len([r for r in results(server) if "restart" in r]) == 1  # as it was: nothing to say
    server.close()


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


def config_check(conf):
    r = subprocess.run([os.path.join(serving.BUILD, "fumi"), "-c", str(conf), "config", "check"], capture_output=True,
                       text=True, timeout=60)
    return r.returncode, r.stderr


def test_config_check_tries_the_certificates(tmp_path):
    make_certificate(tmp_path, "one.example")
    make_certificate(tmp_path, "two.example")
    conf = tmp_path / "fumi.conf"

    def write(one_key, two):
        conf.write_text(f"[tls]\ncertificate = {tmp_path}/one.example.pem\nkey = {tmp_path}/{one_key}.key\n"
                        f"[certificate two]\ncertificate = {tmp_path}/{two}\nkey = {tmp_path}/two.example.key\n")
    write("one.example", "two.example.pem")
    assert config_check(conf) == (0, "")
    write("two.example", "none.pem")
    status, text = config_check(conf)
    assert status == 78
    assert re.search(r"one\.example\.pem: no key that fits.*\n.*none\.pem: No such file", text), text
