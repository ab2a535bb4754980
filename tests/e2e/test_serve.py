"""tests/serve itself, and what the server does at its end."""
import json
import os
import signal
import subprocess
import sys
import time

from serving import BUILD, SERVE, message, process_parents, wait_for


def is_there(pid):
    return pid in process_parents()


def start(directory, *options):
    p = subprocess.Popen([sys.executable, SERVE, str(directory), "--build", BUILD, *options], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    return p, json.loads(p.stdout.readline())


def test_says_where_and_ends_in_order(tmp_path):
    for sig in (signal.SIGTERM, signal.SIGINT):
        p, info = start(tmp_path / "s")
        assert set(info["ports"]) >= {"imap", "imaps"} and info["user"] == "demo@example.org"
        assert info["password"] == "demo" and os.path.isdir(info["dir"]) and is_there(info["pid"])
        p.send_signal(sig)
        _, err = p.communicate(timeout=60)
        assert p.returncode == 0, err
        wait_for(lambda: not is_there(info["pid"]))


def test_killed_takes_its_server_along(tmp_path):
    p, info = start(tmp_path / "s")
    p.kill()
    p.communicate()
    wait_for(lambda: not is_there(info["pid"]))


def test_ends_with_its_parent(tmp_path):
    code = ("import subprocess, sys, time\n"
            "p = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)\n"
            "print(p.stdout.readline(), flush=True)\n"
            "time.sleep(600)\n")
    parent = subprocess.Popen([sys.executable, "-c", code, sys.executable, SERVE, str(tmp_path / "s"), "--build", BUILD,
                               "--with-parent"], stdout=subprocess.PIPE, text=True)
    info = json.loads(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    wait_for(lambda: not is_there(info["pid"]))


def test_fresh_each_time(own_server, tmp_path):
    s = own_server(directory=tmp_path / "s")
    c = s.raw(s.demo)
    assert c.append(b"INBOX", message("old")).startswith(b"OK")
    c.close()
    s.close()
    s = own_server(directory=tmp_path / "s")
    c = s.raw(s.demo)
    assert b"* 0 EXISTS" in c.ok(b"SELECT INBOX")
    c.close()


def test_says_why_it_cannot(tmp_path):
    r = subprocess.run([sys.executable, SERVE, str(tmp_path / "s"), "--build", BUILD, "--set", "server/nonsense=1"],
                       capture_output=True, text=True, timeout=60)
    assert r.returncode == 1 and "nonsense" in r.stderr and r.stdout == ""


def test_bye_when_the_server_ends(own_server):
    s = own_server()
    idle, quiet, early = s.raw(s.demo), s.raw(s.demo, tls=True), s.raw()
    idle.ok(b"SELECT INBOX")
    idle.begin(b"IDLE")
    idle.reply()
    t = time.monotonic()
    s.process.terminate()
    for c in (idle, quiet, early):
        while not (reply := c.reply()).startswith(b"* BYE"):
            assert reply
    s.process.communicate(timeout=60)
    assert s.process.returncode == 0
    assert time.monotonic() - t < 20
