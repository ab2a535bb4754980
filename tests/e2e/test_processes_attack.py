"""A session's code is replaced, behind its walls, by forbidden acts (tests/unit/proc/acts.c): each must fail."""
import os
import re
import shutil
import socket
import subprocess
import tempfile

import pytest

import procs
from procs import *

ATTACK = os.path.join(BUILD, "tests", "unit", "proc", "fumi-forker-attack")
UID = 64804  # of hub and forker
ANN = 64901
BOB = 64902
IS_ROOT = os.geteuid() == 0


def act_names():
    with open(os.path.join(ROOT, "tests", "unit", "proc", "acts.c")) as f:
        return re.findall(r'^\t\{ "([a-z-]+)", ACTS_', f.read(), re.M)


@pytest.fixture(scope="module", params=["uids", "one-uid", "no-root"])
def stack(request):
    """uids: hub and forker under a uid of their own, sessions each under another. one-uid: all under one. no-root: as
    whoever runs the test."""
    if request.param == "no-root" and IS_ROOT:
        pytest.skip("the test is root: one-uid does the same")
    if request.param != "no-root" and not IS_ROOT:
        pytest.skip("needs root")
    dir = tempfile.mkdtemp(prefix="fumi-attack-")
    os.chmod(dir, 0o755)
    bin = os.path.join(dir, "bin")
    os.mkdir(bin)
    shutil.copy(os.path.join(PROC, "fumi-hub"), bin)
    shutil.copy(ATTACK, bin)
    old, procs.PROC = procs.PROC, bin
    try:
        b = Attacked(dir, request.param)
        yield b
        b.close()
        b.bystander.kill()
    finally:
        procs.PROC = old
        shutil.rmtree(dir)


class Attacked(Backend):
    def __init__(self, dir, how):
        self.how = how
        self.caps = how == "uids"
        super().__init__(dir, forker="fumi-forker-attack", uids=None if how == "no-root" else UID)
        uid = {"uids": ANN, "one-uid": UID, "no-root": os.geteuid()}[how]
        self.session_uid = uid
        self.other_uid = BOB if how == "uids" else uid
        # another account's file, as open as can be
        folder = os.path.join(dir, "accounts", "example.org", "bob")
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.file = os.path.join(folder, "mail")
        for p in (folder, os.path.dirname(folder)):
            os.chmod(p, 0o777)
            if how != "no-root":
                os.chown(p, UID, UID)
        self.restore()
        self.tcp = socket.create_server(("127.0.0.1", 0))
        argv = ["sleep", "600"]
        if how != "no-root":
            argv = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *argv]
        self.bystander = subprocess.Popen(argv)

    def restore(self):
        with open(self.file, "w") as f:
            f.write("secret")
        os.chmod(self.file, 0o666)

    def start_forker(self):
        # like master: with the rights to change the uid, or without
        if not self.caps:
            return super().start_forker()
        self.forker = CapProcess(self.forker_name, self.conf, self.log)
        connect(self.hub, HUB, self.forker, FORKER)
        self.auth_forker = self.forker.peer(AUTH)
        fd = os.open(os.path.join(self.dir, "accounts"), os.O_RDONLY | os.O_DIRECTORY)
        send(self.forker.sock, DIRECTORY, b"", fd)
        os.close(fd)
        self.forker.go()

    def run(self, text, account=b"ann@example.org"):
        """What the attacker says, or b"" when it was killed."""
        c = self.login(account=account, uid=self.session_uid, unread=text.encode() + b"\n")
        got = b""
        while d := c.sock.recv(100):
            got += d
        c.close()
        w, _ = expect(self.gate, ENDED)
        return got.decode().strip()

    def attempt(self, name):
        return self.run(f"{name} {self.file} {self.folder} {self.control_path} {self.tcp.getsockname()[1]} "
                        f"{self.bystander.pid}")


class CapProcess(Process):
    def __init__(self, name, conf, log):
        caps = "+setuid,+setgid,+chown,+kill"
        self.prefix = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", "--inh-caps", caps,
                       "--ambient-caps", caps, "--bounding-set", "-all," + caps]
        spawn = os.posix_spawnp

        def with_caps(path, argv, env, **kw):
            return spawn(self.prefix[0], [*self.prefix, *argv], env, **kw)

        os.posix_spawnp = with_caps
        try:
            super().__init__(name, conf, log)
        finally:
            os.posix_spawnp = spawn


def test_walls_are_logged(stack):
    line = re.search(r'walls sessions="([^"]*)" landlock=(\d+)', stack.text())
    print(line.group(0))
    walls = line.group(1).split()
    assert ("uid" in walls) == (stack.how == "uids")
    assert "seccomp" in walls and f"landlock({line.group(2)})" in walls


@pytest.mark.parametrize("act", act_names())
def test_act_fails(stack, act):
    got = stack.attempt(act)
    assert got in ("failed", ""), f"{act}: {got}"
    with open(stack.file) as f:
        assert f.read() == "secret"
    assert os.listdir(stack.folder) == ["mail"]
    assert stack.bystander.poll() is None


def test_the_session_is_who_it_should_be(stack):
    """Its files belong to the account's uid, and no other directory is open to it."""
    st = os.stat(os.path.join(stack.dir, "accounts", "example.org", "ann"))
    assert st.st_uid == stack.session_uid
    assert st.st_mode & 0o7777 == 0o700


FORGED = {
    "fork": u32(FORK) + bytes(16) + u8(1) + u64(1),
    "kill": u32(KILL) + u64(1),
    "grant": u32(GRANT) + grant(bytes(16)),
    "handover": u32(HANDOVER) + handover(bytes(16)),
    "looked": u32(LOOKED) + u64(1) + u8(0) + bytes(16) + data(b""),
    "exited": u32(EXITED) + u64(1) + u32(1) + u32(0),
    "disconnect": u32(DISCONNECT) + data(b"bob@example.org") + data(b"x"),
    "list": u32(C_LIST),
    "delivered": u32(S_DELIVERED) + u64(1) + u8(0) + u32(1) + u64(1) + data(b"") + data(b""),
    "ready-twice": u32(S_READY),
    "state-unknown": u32(S_STATE) + u8(9),
    "committed-short": u32(S_COMMITTED) + b"\0",
    "submit-without-a-message": u32(S_SUBMIT) + u64(1),
    "take": u32(S_TAKE) + u64(1),
    "taken": u32(S_TAKEN) + u64(1) + u8(0) + data(b""),
    "submitted": u32(S_SUBMITTED) + u64(1) + u8(0) + data(b""),
    "committed-long": u32(S_COMMITTED) + u64(1) + b"\0",
    "empty": b"\0",
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_message_to_the_hub(stack, name):
    got = stack.run("@" + FORGED[name].hex())
    assert got in ("failed", "")
    assert stack.hub.wait(0.05) is None


def test_half_a_submission_to_the_hub(stack):
    assert stack.run("@" + (u32(S_SUBMIT) + u64(1)).hex() + "+fd") in ("failed", "")
    assert stack.hub.wait(0.05) is None


def test_unexpected_descriptor_to_the_hub(stack):
    assert stack.run("@" + (u32(S_COMMITTED) + u64(1)).hex() + "+fd") in ("failed", "")
    assert stack.hub.wait(0.05) is None


def test_others_live_on(stack):
    """One session's offence is nobody else's: the others still hear of each other."""
    committed = "@" + (u32(S_COMMITTED) + u64(5)).hex()
    b = stack.login(account=b"bystander@example.org", uid=stack.other_uid, unread=committed.encode() + b"\n")
    stack.run("@" + FORGED["grant"].hex())
    c = stack.login(account=b"bystander@example.org", uid=stack.other_uid,
                    unread=b"@" + (u32(S_COMMITTED) + u64(6)).hex().encode() + b"\n")
    assert b.sock.recv(100) == b"succeeded\n"  # it was told of the other's commit
    b.close()
    c.close()
