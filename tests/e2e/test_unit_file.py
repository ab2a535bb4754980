"""The unit for systemd, as far as it can be tried without it: its list of system calls around a whole server."""
import ctypes
import os
import re
import shutil
import subprocess

import pytest

import serving

KILL_PROCESS, ALLOW = 0x80000000, 0x7fff0000
UNIT = os.path.join(serving.ROOT, "dist", "fumi.service")


def analyze(*args):
    r = subprocess.run(["systemd-analyze", *args], capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
    return r.stdout


def names(words):
    """System calls in a filter's words, sets opened as this system's systemd knows them."""
    out = set()
    for word in words:
        if not word.startswith("@"):
            out.add(word)
            continue
        lines = [line.strip() for line in analyze("syscall-filter", "--no-pager", word).splitlines()]
        out |= names(line for line in lines if line and line != word and not line.startswith("#"))
    return out


def allowed():
    """What the unit allows; the first line decides that it is a list of what is allowed."""
    with open(UNIT) as f:
        lines = re.findall(r"^SystemCallFilter=(~?)(.*)$", f.read(), re.M)
    out = set()
    for minus, words in lines:
        out = out - names(words.split()) if minus else out | names(words.split())
    return out


@pytest.fixture(scope="module")
def calls():
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    return allowed()


def enter(lib, numbers):
    """In the child: from now on only these, or die."""
    ctx = lib.seccomp_init(KILL_PROCESS)
    for n in numbers:
        lib.seccomp_rule_add(ctx, ALLOW, n, 0)
    if lib.seccomp_load(ctx) != 0:
        os._exit(99)


def test_the_filter_lets_a_server_live(calls, tmp_path):
    try:
        lib = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        pytest.skip("there is no libseccomp")
    lib.seccomp_init.restype = ctypes.c_void_p
    lib.seccomp_init.argtypes = [ctypes.c_uint32]
    lib.seccomp_rule_add.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint]
    lib.seccomp_load.argtypes = [ctypes.c_void_p]
    numbers = [lib.seccomp_syscall_resolve_name(c.encode()) for c in sorted(calls)]
    s = serving.Server(tmp_path / "server", preexec_fn=lambda: enter(lib, [n for n in numbers if n != -1]))
    try:
        c = s.raw(s.demo, tls=True)
        assert c.append(b"INBOX", serving.message("within the unit")).startswith(b"OK")
        c.ok(b"SELECT INBOX")
        c.ok(b"FETCH 1 BODY.PEEK[]")
        c.close()
        assert "crashes" not in s.log()
        s.close()
    finally:
        if s.process.poll() is None:
            s.kill()


def test_the_unit_is_understood(calls, tmp_path):
    """No set or option that this systemd does not know: it would leave the line out, or more than the line."""
    with open(UNIT) as f:
        text = f.read().replace("@bindir@/fumi", shutil.which("true"))
    unit = tmp_path / "fumi.service"
    unit.write_text(text)
    r = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True)
    assert not [line for line in r.stderr.splitlines() if "fumi.service" in line], r.stderr


def test_a_reload_checks_first():
    with open(UNIT) as f:
        reload = re.findall(r"^ExecReload=(.*)$", f.read(), re.M)
    assert reload == ["@bindir@/fumi config check", "/bin/kill -HUP $MAINPID"]
