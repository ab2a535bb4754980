"""What changes while a login is under way: the account, the processes it needs."""
import contextlib
import os
import signal
import time

import pytest
from serving import Closed, wait_for


@contextlib.contextmanager
def stopped(pids):
    """They stand still meanwhile."""
    for p in pids:
        os.kill(p, signal.SIGSTOP)
    try:
        yield
    finally:
        for p in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(p, signal.SIGCONT)


def is_out(client):
    """The login is refused, or it is closed, whatever it is told before."""
    with contextlib.suppress(Closed):
        while not client.reply().startswith(b"t1 NO "):
            pass
    return True


def begin_login(s, account):
    c = s.raw()
    c.begin(f'LOGIN "{account.name}" "{account.password}"'.encode())
    return c


def logged_in(s, account):
    return f" login user={account.name} " in s.log()


def test_disable_while_the_session_starts(own_server):
    s = own_server()
    a = s.account()
    with stopped(s.processes("fumi-forker")):
        c = begin_login(s, a)
        wait_for(lambda: logged_in(s, a))
        time.sleep(0.2)  # from the gate to the hub
        s.fumi("account", "disable", a.name)
    assert is_out(c)


def test_disable_between_login_and_session(own_server):
    s = own_server()
    for _ in range(10):
        a = s.account()
        with stopped(s.processes("fumi-auth-work")):
            c = begin_login(s, a)
            time.sleep(0.3)  # from the gate to auth; if that is too short: once more
            gates = s.processes("fumi-gate")
            for g in gates:
                os.kill(g, signal.SIGSTOP)
        with stopped(gates):
            end = time.monotonic() + 5
            while not logged_in(s, a) and time.monotonic() < end:
                time.sleep(0.05)
            there = logged_in(s, a)
            s.fumi("account", "disable", a.name)
        if there:
            assert is_out(c)
            return
        c.close()
    pytest.fail("auth never heard of it")


@pytest.mark.parametrize("victim", [0, 1])
def test_a_worker_dies_and_the_password_is_still_right(own_server, victim):
    s = own_server("--set", "auth/workers=2")
    a = s.account()
    workers = sorted(s.processes("fumi-auth-work"))
    assert len(workers) == 2
    with stopped(workers):
        c = begin_login(s, a)
        time.sleep(0.3)
        os.kill(workers[victim], signal.SIGKILL)
    _, status = c.end(b"t1")
    assert status.startswith(b"OK"), status
    c.close()


def test_all_workers_die(own_server):
    """Nobody can be let in; nobody is told that his password is wrong, and auth starts again."""
    s = own_server("--set", "auth/workers=1")
    a = s.account()
    worker, = s.processes("fumi-auth-work")
    with stopped([worker]):
        c = begin_login(s, a)
        time.sleep(0.3)
        os.kill(worker, signal.SIGKILL)
    _, status = c.end(b"t1")
    assert status.startswith(b"NO [UNAVAILABLE]"), status
    wait_for(lambda: s.processes("fumi-auth-work") not in ([], [worker]))
    s.raw(a).close()
