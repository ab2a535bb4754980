"""Full and read-only disks, damage, lost rights: refused with a reason, logged, and nobody else is disturbed."""
import contextlib
import os
import random
import shutil
import subprocess

import pytest
from serving import Closed, message, wait_for


def refused(status):
    return status.startswith((b"NO [UNAVAILABLE]", b"NO [SERVERBUG]"))


def test_disk_full(own_server, small_disk):
    s = own_server(directory=small_disk / "server")
    a, b = s.account(), s.account()
    c, other = s.raw(a), s.raw(b)
    other.ok(b"SELECT INBOX")
    taken = []
    for i in range(2000):
        text = message(f"m {i}", "x" * 60000)
        status = c.append(b"INBOX", text)
        if not status.startswith(b"OK"):
            assert refused(status), status
            break
        taken.append(text)
    assert 20 < len(taken) < 300
    wait_for(lambda: "No space left" in s.log() or "ENOSPC" in s.log())
    assert any("fail" in line and "log" in line for line in s.log().splitlines() if "No space" in line)
    # reading goes on, for all; so does EXPUNGE, which has room kept for it
    c.ok(b"SELECT INBOX")
    assert any(b"* %d EXISTS" % len(taken) == u for u in c.ok(b"EXAMINE INBOX"))
    assert taken[-1] in b"".join(c.ok(b"FETCH %d BODY.PEEK[]" % len(taken)))
    other.ok(b"NOOP")
    c.ok(b"SELECT INBOX")
    c.ok(b"STORE 1:%d +FLAGS.SILENT (\\Deleted)" % (len(taken) // 2))
    c.ok(b"EXPUNGE")
    # room again: it takes mail without a restart
    (small_disk / "server" / "more").unlink(missing_ok=True)
    subprocess.run(["mount", "-o", "remount,size=24m", str(small_disk)], check=True)
    assert c.append(b"INBOX", message("again")).startswith(b"OK")
    assert other.append(b"INBOX", message("other")).startswith(b"OK")
    c.close()
    other.close()
    s.fumi("verify", "-u", a.name)
    c = s.raw(a)
    assert b"* %d EXISTS" % (len(taken) - len(taken) // 2 + 1) in c.ok(b"SELECT INBOX")
    c.close()


def test_disk_full_to_the_last_byte(own_server, small_disk):
    """No byte is left, a stranger takes the rest: reading and EXPUNGE go on."""
    s = own_server(directory=small_disk / "server")
    a = s.account()
    c = s.raw(a)
    for i in range(100):
        assert c.append(b"INBOX", message(f"m {i}", "x" * 60000)).startswith(b"OK")
    with open(small_disk / "stranger", "wb", buffering=0) as f, contextlib.suppress(OSError):
        while True:
            f.write(b"x" * 4096)
    # into what is kept ready for the log, until there is no more
    taken = 100
    for size in (300000, 60000, 3000, 100):
        for i in range(2000):
            status = c.append(b"INBOX", message(f"n {i}", "x" * size))
            if not status.startswith(b"OK"):
                assert refused(status), status
                break
            taken += 1
        else:
            raise AssertionError("the disk does not fill")
    left = taken
    for session in (c, s.raw(a)):
        assert b"* %d EXISTS" % left in session.ok(b"SELECT INBOX")
        assert len([u for u in session.ok(b"FETCH 1:* (FLAGS)") if b" FETCH " in u]) == left
        session.ok(b"STORE 1:5 +FLAGS (\\Deleted)")
        assert session.ok(b"EXPUNGE").count(b"* 1 EXPUNGE") == 5
        left -= 5
        session.close()
    # room again
    subprocess.run(["mount", "-o", "remount,size=24m", str(small_disk)], check=True)
    c = s.raw(a)
    assert c.append(b"INBOX", message("again")).startswith(b"OK")
    assert b"* %d EXISTS" % (left + 1) in c.ok(b"SELECT INBOX")
    c.close()
    s.fumi("verify", "-u", a.name)


def test_read_only(own_server, small_disk):
    """The mail becomes read-only under a running server, and writable again."""
    s = own_server()
    a = s.account()
    c = s.raw(a)
    assert c.append(b"INBOX", message("before")).startswith(b"OK")
    c.close()
    accounts = os.path.join(s.dir, "state", "accounts")
    subprocess.run(["mount", "--bind", accounts, accounts], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", accounts], check=True)
        s.process.terminate()
        s.process.wait()
        with open(s.info["log"], "a") as f:
            f.write("restarted\n")
        p = subprocess.Popen([s.info["fumi"], "-c", s.info["conf"], "serve"], stderr=subprocess.PIPE, text=True)
        try:
            def up():
                with contextlib.suppress(OSError, Closed):
                    return s.raw()
                assert p.poll() is None, p.stderr.read()
                return None
            c = wait_for(up)
            status = c.command(b'LOGIN %s "%s"' % (a.name.encode(), a.password.encode()))[1]
            if status.startswith(b"OK"):
                for u in c.ok(b"EXAMINE INBOX"):
                    pass
                assert refused(c.append(b"INBOX", message("refused")))
            else:
                assert refused(status), status
            c.close()
            log = s.log().split("restarted\n")[1]
            assert "Read-only file system" in log and a.name.split("@")[0] in log
        finally:
            p.terminate()
            p.wait()
    finally:
        subprocess.run(["umount", "-l", accounts], check=True)


def segments(account):
    folder = os.path.join(account.dir, "log")
    return sorted(os.path.join(folder, f) for f in os.listdir(folder) if os.path.isfile(os.path.join(folder, f)))


def damaged_server(own_server, spoil):
    """An account with ten messages, and a server that finds spoil(its segments) done to it."""
    s = own_server()
    a, b = s.account(), s.account()
    c = s.raw(a)
    for i in range(10):
        assert c.append(b"INBOX", message(f"m {i}", f"needle {i}. " * 50)).startswith(b"OK")
    c.close()
    s.close()
    path = spoil(segments(a))
    t = own_server_again(own_server, s)
    a.server = b.server = t
    return t, a, b, path


def test_octets_turned_over(own_server):
    """verify and export name the message; all others are there, and more is taken."""
    def spoil(paths):
        (path,) = [p for p in paths if b"needle 4" in open(p, "rb").read()]
        with open(path, "r+b") as f:
            f.seek(f.read().index(b"needle 4. needle 4.") + 100)
            f.write(b"damaged")
        return path
    s, a, b, path = damaged_server(own_server, spoil)
    c, other = s.raw(a), s.raw(b)
    assert other.append(b"INBOX", message("other")).startswith(b"OK")
    assert b"* 10 EXISTS" in c.ok(b"SELECT INBOX")
    for i in (1, 2, 3, 4, 6, 7, 8, 9, 10):
        assert message(f"m {i - 1}", f"needle {i - 1}. " * 50) in b"".join(c.ok(b"FETCH %d BODY.PEEK[]" % i))
    assert c.append(b"INBOX", message("after")).startswith(b"OK")
    c.close()
    other.close()
    said = s.fumi("verify", "-u", a.name, status=65)
    assert os.path.basename(path).encode() in said, said
    # the other nine, the one that came after, and what can be read of it
    subprocess.run([s.info["fumi"], "-c", s.info["conf"], "export", "-u", a.name, "--format", "eml", s.dir + "/out"])
    assert sum(len(fs) for _, _, fs in os.walk(s.dir + "/out")) >= 10


def test_segment_without_its_head(own_server):
    """verify says so and names the file; the account takes mail, and others never notice."""
    def spoil(paths):
        with open(paths[0], "r+b") as f:
            f.write(b"\0" * 64)
        return paths[0]
    s, a, b, path = damaged_server(own_server, spoil)
    other = s.raw(b)
    assert other.append(b"INBOX", message("other")).startswith(b"OK")
    c = s.raw()
    status = c.command(b'LOGIN "%s" "%s"' % (a.name.encode(), a.password.encode()))[1]
    assert status.startswith(b"OK") or refused(status), status
    said = s.fumi("verify", "-u", a.name, status=65)
    assert os.path.basename(path).encode() in said, said
    other.ok(b"SELECT INBOX")
    c.close()
    other.close()


def own_server_again(own_server, s):
    """A server on the state that another one left."""
    t = own_server()
    t.process.terminate()
    t.process.wait()
    shutil.rmtree(os.path.join(t.dir, "state"))
    os.rename(os.path.join(s.dir, "state"), os.path.join(t.dir, "state"))
    log = open(os.path.join(t.dir, "stderr"), "ab")
    t.process = subprocess.Popen([t.info["fumi"], "-c", t.info["conf"], "serve"], stdout=subprocess.PIPE, stderr=log,
                                 text=True)
    t.pid = t.process.pid

    def up():
        with contextlib.suppress(OSError, Closed):
            t.raw().close()
            return True
        return None
    wait_for(up)
    return t


@pytest.mark.parametrize("what", ["rubbish", "empty", "cut"])
def test_view_is_only_a_cache(server, account, what):
    """Whatever becomes of it while nobody looks, it is made anew."""
    c = server.raw(account)
    for i in range(200):
        assert c.append(b"INBOX", message(f"m {i}"), b"\\Seen" if i == 2 else b"").startswith(b"OK")
    c.close()
    views = [os.path.join(account.dir, f) for f in os.listdir(account.dir) if f.endswith(".mdb")]
    assert views
    for path in views:
        size = os.path.getsize(path)
        with open(path, "r+b") as f:
            if what == "rubbish":
                f.write(random.Random(1).randbytes(min(size, 65536)))
            else:
                f.truncate(0 if what == "empty" else size // 3 + 13)
    c = server.raw(account)
    assert b"* 200 EXISTS" in c.ok(b"SELECT INBOX")
    assert c.ok(b"SEARCH SEEN")[-1] == b"* SEARCH 3"
    c.close()
    server.fumi("verify", "-u", account.name)


def test_lost_rights(server, account):
    """The account's directory cannot be opened: that account is refused, in words, and no other."""
    c = server.raw(account)
    assert c.append(b"INBOX", message("x")).startswith(b"OK")
    c.close()
    log = os.path.join(account.dir, "log")
    hidden = os.path.join(account.dir, "log.hidden")
    os.rename(log, hidden)
    with open(log, "w"):
        pass
    try:
        c = server.raw()
        status = c.command(b'LOGIN "%s" "%s"' % (account.name.encode(), account.password.encode()))[1]
        if status.startswith(b"OK"):
            status = c.command(b"SELECT INBOX")[1]
        assert refused(status), status
        other = server.raw(server.account())
        other.ok(b"SELECT INBOX")
        other.close()
        c.close()
    finally:
        os.unlink(log)
        os.rename(hidden, log)
    c = server.raw(account)
    assert b"* 1 EXISTS" in c.ok(b"SELECT INBOX")
    c.close()


def test_account_that_cannot_be_opened(own_server):
    """A login is refused, and the log says why the session ended."""
    s = own_server()
    a = s.account()
    s.raw(a).close()
    os.rename(os.path.join(a.dir, "log"), os.path.join(a.dir, "gone"))
    with open(os.path.join(a.dir, "log"), "w"):
        pass
    wait_for(lambda: not s.processes("fumi-session"), 30)  # that has it open still
    c = s.raw()
    assert refused(c.command(b'LOGIN "%s" "%s"' % (a.name.encode(), a.password.encode()))[1])
    c.close()
    assert wait_for(lambda: [line for line in s.log().splitlines() if "session-end" in line and "why=failed" in line])
