"""./quickstart, twice in a row, on other ports than a person's own."""
import imaplib
import os
import re
import shutil
import socket
import ssl
import subprocess

import pytest
from serving import BUILD, ROOT, process_parents, wait_for


@pytest.fixture
def demo(tmp_path):
    """quickstart in a place of its own that shares the build of these tests."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("quickstart", "tools", "share"):
        source = os.path.join(ROOT, name)
        (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, clone / name)
    (clone / "build").symlink_to(os.path.abspath(BUILD))
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(5)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    names = ("IMAP", "IMAPS", "POP3", "POP3S", "SIEVE")
    env = {**os.environ, **{f"FUMI_{name}_PORT": str(port) for name, port in zip(names, ports)}}

    def run(*args):
        return subprocess.run([str(clone / "quickstart"), *args], env=env, capture_output=True, text=True,
                              timeout=120)
    yield clone, ports, run
    run("--stop")


def test_twice(demo):
    clone, ports, run = demo
    pids = []
    for _ in range(2):
        r = run()
        assert r.returncode == 0, r.stdout + r.stderr
        pids.append(int(re.search(r"process (\d+)", r.stdout)[1]))
        c = imaplib.IMAP4_SSL("localhost", ports[1],
                              ssl_context=ssl.create_default_context(cafile=str(clone / "demo/tls/cert.pem")))
        c.login("demo@example.org", "demo")
        messages = int(c.select("INBOX")[1][0])
        assert messages == 4
        c.append("INBOX", None, None, b"Subject: gone with the next run\r\n\r\n")
        c.logout()
        # the examples that it prints
        curls = re.findall(r"^  (curl .*)$", r.stdout, re.M)
        assert len(curls) == 2
        for curl in curls:
            assert subprocess.run(curl, shell=True, cwd=clone, capture_output=True, timeout=60).stdout
        with socket.create_connection(("127.0.0.1", ports[4]), 60) as s:
            assert s.recv(100).startswith(b'"IMPLEMENTATION"')
        (deliver,) = re.findall(r"^  (printf .*)$", r.stdout, re.M)
        assert subprocess.run(deliver, shell=True, cwd=clone, timeout=60).returncode == 0
    assert pids[0] != pids[1]
    wait_for(lambda: pids[0] not in process_parents())
    assert run("--stop").returncode == 0
    wait_for(lambda: pids[1] not in process_parents())
    assert run("--stop").returncode == 0


def test_wrong_argument(demo):
    assert demo[2]("--nonsense").returncode == 64


def test_stop_leaves_strangers_alone(demo):
    """A pid file that a power cut left behind may name anybody."""
    clone, _, run = demo
    stranger = subprocess.Popen(["sleep", "60"])
    (clone / "demo" / "run").mkdir(parents=True)
    (clone / "demo" / "run" / "fumi.pid").write_text(f"{stranger.pid}\n")
    assert run("--stop").returncode == 0
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()
