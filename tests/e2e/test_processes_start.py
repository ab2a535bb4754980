"""How the server starts: sockets of a service manager, readiness, the background, and what it refuses."""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

import serving
from serving import wait_for

FUMI = os.path.join(serving.BUILD, "fumi")


@pytest.fixture
def place():
    d = tempfile.mkdtemp(prefix="fumi-start-")
    os.chmod(d, 0o755)
    yield d
    shutil.rmtree(d)


def configure(place, extra="", port=0):
    conf = os.path.join(place, "fumi.conf")
    with open(conf, "w") as f:
        f.write(f"""[server]
state-dir = {place}/state
run-dir = {place}/run
log = {place}/log
gates = 1
[listener imap]
address = 127.0.0.1
port = {port}
[auth]
cleartext = loopback
{extra}""")
    return conf


def greeting(port):
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        return s.recv(100)


def port_of(place, name="imap"):
    with open(os.path.join(place, "run", "listeners")) as f:
        return int(re.search(rf"\b{name}=127\.0\.0\.1:(\d+)", f.read())[1])


def end(p):
    p.terminate()
    assert p.wait(30) == 0


def test_sockets_of_the_service_manager(place):
    conf = configure(place)
    given = socket.create_server(("127.0.0.1", 0))
    notify_path = os.path.join(place, "notify")
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(notify_path)
    notify.settimeout(30)
    fd = given.fileno()
    # the descriptor must be 3 and LISTEN_PID the process itself
    script = f'exec 3<&{fd}; exec {fd}<&-; LISTEN_PID=$$ exec "$0" -c "$1" serve'
    p = subprocess.Popen(["bash", "-c", script, FUMI, conf], pass_fds=[fd], stderr=subprocess.PIPE,
                         env={**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "imap", "NOTIFY_SOCKET": notify_path})
    try:
        assert b"READY=1" in notify.recv(1000)
        assert port_of(place) == given.getsockname()[1]
        assert greeting(given.getsockname()[1]).startswith(b"* OK")
        os.kill(p.pid, signal.SIGHUP)
        assert b"RELOADING=1" in notify.recv(1000)
        assert notify.recv(1000) == b"READY=1\nSTATUS="
        with open(conf, "a") as f:
            f.write("[nonsense]\n")
        os.kill(p.pid, signal.SIGHUP)
        assert b"RELOADING=1" in notify.recv(1000)
        assert notify.recv(1000).startswith(b"READY=1\nSTATUS=The last reload failed")
    finally:
        end(p)
    assert b"STOPPING=1" in notify.recv(1000)


def test_ready_is_said_with_the_ports(place):
    p = subprocess.Popen([FUMI, "-c", configure(place), "serve"], stderr=subprocess.PIPE, text=True)
    try:
        line = p.stderr.readline()
        m = re.fullmatch(r"fumi: ready pid=(\d+) imap=127\.0\.0\.1:(\d+)\n", line)
        assert int(m[1]) == p.pid
        assert greeting(int(m[2])).startswith(b"* OK")
        with open(os.path.join(place, "run", "fumi.pid")) as f:
            assert int(f.read()) == p.pid
    finally:
        end(p)


def test_daemon_returns_when_it_is_ready(place):
    r = subprocess.run([FUMI, "-c", configure(place), "serve", "--daemon"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr
    with open(os.path.join(place, "run", "fumi.pid")) as f:
        pid = int(f.read())
    try:
        assert greeting(port_of(place)).startswith(b"* OK")
    finally:
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not os.path.exists(os.path.join(place, "run", "fumi.pid")))


@pytest.mark.parametrize("daemon", [[], ["--daemon"]])
def test_a_port_that_is_taken(place, daemon):
    other = socket.create_server(("127.0.0.1", 0))
    port = other.getsockname()[1]
    r = subprocess.run([FUMI, "-c", configure(place, port=port), "serve", *daemon], capture_output=True, text=True,
                       timeout=60)
    assert r.returncode == 69
    assert f"port {port}" in r.stderr and "in use" in r.stderr


def test_a_configuration_that_is_wrong(place):
    conf = configure(place, "[gate]\nlogin-timeuot = 1m\n[tls]\nmin-version = 1.0\n")
    r = subprocess.run([FUMI, "-c", conf, "serve"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 78
    assert r.stderr.count("fumi.conf:") == 2 and '"login-timeout"' in r.stderr


def test_a_certificate_that_is_not_there(place):
    conf = configure(place, f"[tls]\ncertificate = {place}/none.pem\n")
    r = subprocess.run([FUMI, "-c", conf, "serve"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 78 and "none.pem" in r.stderr


@pytest.mark.parametrize("daemon", [[], ["--daemon"]])
def test_a_certificate_that_is_none(place, daemon):
    """The gate says so, the server does not start half, and whoever starts it need not look for the reason."""
    conf = configure(place, f"[tls]\ncertificate = {place}/bad.pem\n")
    with open(os.path.join(place, "bad.pem"), "w") as f:
        f.write("not a certificate")
    r = subprocess.run([FUMI, "-c", conf, "serve", *daemon], capture_output=True, text=True, timeout=60)
    assert r.returncode == 78
    assert r.stderr == (f"fumi: the server cannot start: {place}/bad.pem: no certificate; see {place}/log\n")
    with open(os.path.join(place, "log")) as f:
        assert "the server cannot start" in f.read()


def test_what_stands_is_logged(place):
    p = subprocess.Popen([FUMI, "-c", configure(place), "serve"], stderr=subprocess.PIPE, text=True)
    try:
        p.stderr.readline()
        with open(os.path.join(place, "log")) as f:
            line = re.search(r'FORKER walls sessions="([^"]*)" landlock=(\d+)', f.read())
        print(line[0])
        assert "seccomp" in line[1] and ("uid" in line[1].split()) == (os.geteuid() == 0)
    finally:
        end(p)


def test_directories_are_nobody_elses(place):
    p = subprocess.Popen([FUMI, "-c", configure(place), "serve"], stderr=subprocess.PIPE, text=True)
    try:
        p.stderr.readline()
        modes = {name: os.stat(os.path.join(place, name)) for name in
                 ("state/accounts", "state/auth", "run/fumi.sock", "run/auth.sock")}
        assert {n: s.st_mode & 0o777 for n, s in modes.items()} == {
            "state/accounts": 0o711, "state/auth": 0o700, "run/fumi.sock": 0o666, "run/auth.sock": 0o600}
        if os.geteuid() == 0:
            assert 0 not in (modes["state/accounts"].st_uid, modes["state/auth"].st_uid)
            uids = {os.stat(f"/proc/{c}").st_uid for c, parent in serving.process_parents().items()
                    if parent == p.pid}
            assert len(uids) == 5 and 0 not in uids  # auth, hub, forker, gate, out
    finally:
        end(p)


def test_a_process_that_keeps_dying_is_not_started_all_the_time(place):
    p = subprocess.Popen([FUMI, "-c", configure(place), "serve"], stderr=subprocess.PIPE, text=True)
    try:
        p.stderr.readline()

        def gates():
            return [c for c, parent in serving.process_parents().items()
                    if parent == p.pid and serving.process_name(c) == "fumi-gate"]
        killed, stop = 0, time.monotonic() + 3
        while time.monotonic() < stop:
            for g in gates():
                os.kill(g, signal.SIGKILL)
                killed += 1
                wait_for(lambda: g not in gates())
        assert 3 <= killed <= 7  # 0.1, 0.2, 0.4 … seconds between
    finally:
        end(p)
