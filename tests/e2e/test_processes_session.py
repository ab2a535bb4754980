"""hub, forker and sessions: grants, hand-over, notification, delivery, death."""
import os
import signal
import socket
import time

import pytest

from procs import *

MESSAGE = b"From: a@example.org\r\nSubject: hello\r\n\r\nHello.\r\n"


@pytest.fixture
def backend(tmp_path):
    b = Backend(str(tmp_path))
    yield b
    b.close()


def status_exists(client):
    return int(client.cmd(b"STATUS INBOX (MESSAGES)")[0].split(b"MESSAGES ")[1].split(b")")[0])


def test_login_is_answered_by_the_session(backend):
    c = backend.login(tag=b"x7")
    assert c.line().startswith(b"x7 OK")
    assert c.cmd(b"NOOP")[-1].startswith(b"c1 OK")
    assert c.cmd(b"LOGOUT")[-1].startswith(b"c2 OK")
    w, _ = expect(backend.gate, ENDED)
    assert w.u64() == 1


def test_unread_bytes_are_the_first_commands(backend):
    c = backend.login(unread=b"b1 NOOP\r\nb2 SELECT INBOX\r\n")
    c.until(b"b2")


def test_mail_stays(backend):
    c = backend.login()
    c.line()
    assert b"OK" in c.append(MESSAGE)[-1]
    backend.login().until(b"a1")
    d = backend.login()
    d.line()
    assert status_exists(d) == 1


@pytest.mark.parametrize("wrong", ["unknown", "used", "conn", "generation", "gate", "service", "expired"])
def test_only_the_right_grant_opens(backend, wrong):
    gid = backend.id()
    kw = {"conn": 7, "generation": 3}
    if wrong == "conn":
        kw["conn"] = 8
    elif wrong == "generation":
        kw["generation"] = 2
    elif wrong == "gate":
        kw["gate"] = 2
    elif wrong == "service":
        kw["service"] = 2
    elif wrong == "expired":
        kw["expires"] = mono_ms() + 100
    if wrong != "unknown":
        backend.grant(gid, **kw)
    if wrong == "expired":
        time.sleep(0.2)
    ours, theirs = socket.socketpair()
    send(backend.gate, HANDOVER, handover(gid), theirs.fileno())
    if wrong == "used":
        expect(backend.gate, STARTED)
        send(backend.gate, HANDOVER, handover(gid), theirs.fileno())
    w, _ = expect(backend.gate, REFUSED)
    assert (w.u64(), w.u32(), w.u8()) == (7, 3, 3)


def test_a_hub_alone_starts_nothing(backend):
    """The forker has its own grants: a hub that was taken over cannot fork for an account nobody logged into."""
    hub = backend.forker.peer(HUB)
    time.sleep(0.1)
    _, theirs = socket.socketpair()
    send(hub, FORK, backend.id() + u8(IMAP) + u64(99), theirs.fileno())
    w, _ = expect(hub, FAILED)
    assert (w.u64(), w.u8()) == (99, 1)
    # nor may it turn a login into something else
    gid = backend.id()
    send(backend.auth_forker, GRANT, grant(gid))
    send(hub, FORK, gid + u8(DELIVERY) + u64(100), theirs.fileno())
    w, _ = expect(hub, FAILED)
    assert (w.u64(), w.u8()) == (100, 1)


@pytest.mark.parametrize("path", [b"..", b"../x", b"x/..", b".x", b"x/.y", b"/etc", b"a/b/c", b"x/", b"/", b"a\0b"])
def test_paths_stay_below_accounts(backend, path):
    send(backend.auth_forker, GRANT, grant(backend.id(), path=path))
    with pytest.raises((Closed, ConnectionResetError)):
        recv(backend.auth_forker, 5)


def test_sessions_per_account(backend):
    for _ in range(3):
        backend.login(sessions=3)
    gid = backend.id()
    backend.grant(gid, sessions=3)
    _, theirs = socket.socketpair()
    send(backend.gate, HANDOVER, handover(gid), theirs.fileno())
    w, _ = expect(backend.gate, REFUSED)
    assert (w.u64(), w.u32(), w.u8()) == (7, 3, 2)


def test_others_are_told(backend):
    a, b = backend.login(), backend.login()
    a.line(), b.line()
    b.cmd(b"SELECT INBOX")
    b.sock.sendall(b"i IDLE\r\n")
    assert b.line().startswith(b"+")
    t = time.monotonic()
    a.append(MESSAGE)
    lines = [b.line()]
    while b"* 1 EXISTS" not in lines:
        lines.append(b.line())
    assert time.monotonic() - t < 2


def test_disconnect_ends_the_sessions_of_one_account(backend):
    a, b = backend.login(), backend.login(account=b"bob@example.org")
    a.line(), b.line()
    send(backend.auth_hub, DISCONNECT, data(b"ann@example.org") + data(b"Account disabled"))
    assert a.line() == b"* BYE Account disabled"
    assert b.cmd(b"NOOP")[-1].endswith(b"completed")


def test_an_account_that_cannot_be_opened_is_refused(backend):
    os.makedirs(os.path.join(backend.dir, "accounts", "example.org"), exist_ok=True)
    with open(os.path.join(backend.dir, "accounts", "example.org", "ann"), "w"):
        pass
    gid = backend.id()
    backend.grant(gid)
    ours, theirs = socket.socketpair()
    send(backend.gate, HANDOVER, handover(gid), theirs.fileno())
    w, _ = expect(backend.gate, REFUSED)
    assert (w.u64(), w.u32(), w.u8()) == (7, 3, 1)
    theirs.close()


# --- delivery ---


def ask_delivery(backend, control, message=MESSAGE, account=b"ann", request=5, sender=b"s@example.org"):
    fd = memfd(message, sealed=True)
    send(control, C_DELIVER, u32(request) + data(account) + data(sender) + data(b"") * 2 + u8(0), fd)
    os.close(fd)


def answer_lookup(backend, account=b"ann@example.org", ok=True):
    w, fd = expect(backend.auth_hub, LOOKUP)
    request = w.u64()
    assert fd is not None
    s = socket.socket(fileno=fd)
    cred = s.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    assert struct.unpack("3i", cred)[0] == os.getpid()  # the caller itself, not the hub
    s.close()
    gid = backend.id()
    if ok:
        backend.grant(gid, account=account, gate=0, conn=0, generation=0, service=DELIVERY)
    send(backend.auth_hub, LOOKED, u64(request) + u8(0 if ok else 1) + (gid if ok else bytes(16)) +
         data(b"" if ok else b"No such account"))


def result(control):
    w, _ = expect(control, C_RESULT)
    return w.u32(), w.u8(), w.u32(), w.data()


def test_delivery(backend):
    c = backend.login()
    c.line()
    control = backend.control()
    ask_delivery(backend, control, b"Subject: x\n\nLF only\n")
    answer_lookup(backend)
    assert result(control) == (5, 0, 1, b"")
    assert c.cmd(b"SELECT INBOX")[-1].startswith(b"c1 OK")
    body = b"\r\n".join(c.cmd(b"FETCH 1 BODY[]"))
    assert b"Return-Path: <s@example.org>\r\nSubject: x\r\n\r\nLF only\r\n" in body


def test_deliveries_go_to_one_process(backend):
    control = backend.control()
    for i in range(10):
        ask_delivery(backend, control, request=i)
    for _ in range(10):
        answer_lookup(backend)
    got = sorted(result(control) for _ in range(10))
    assert [g[:2] for g in got] == [(i, 0) for i in range(10)]
    assert sorted(g[2] for g in got) == list(range(1, 11))


def test_delivery_refused(backend):
    control = backend.control()
    ask_delivery(backend, control)
    answer_lookup(backend, ok=False)
    assert result(control) == (5, 2, 0, b"No such account")


def test_delivery_needs_a_seal(backend):
    control = backend.control()
    fd = memfd(MESSAGE)
    send(control, C_DELIVER, u32(5) + data(b"ann") + data(b"") * 3 + u8(0), fd)
    os.close(fd)
    assert result(control)[:2] == (5, 2)


def test_delivery_after_the_process_has_left(backend):
    control = backend.control()
    for i in range(2):
        ask_delivery(backend, control, request=i)
        answer_lookup(backend)
        assert result(control) == (i, 0, i + 1, b"")
        time.sleep(2.5)


def test_list(backend):
    backend.login()
    control = backend.control()
    send(control, C_LIST)
    w, _ = expect(control, C_ROW)
    assert w.u64() == 1
    pid = w.u32()
    assert os.path.exists(f"/proc/{pid}")
    expect(control, C_END)


# --- death ---


def session_pids(backend):
    control = backend.control()
    send(control, C_LIST)
    pids = {}
    while True:
        w, _ = recv(control)
        if w.type == C_END:
            return [pids[n] for n in sorted(pids)]
        number = w.u64()
        pids[number] = w.u32()


def test_killed_session_hurts_nobody(backend):
    a, b = backend.login(), backend.login()
    a.line(), b.line()
    a.append(MESSAGE)
    pid = session_pids(backend)[0]
    os.kill(pid, signal.SIGKILL)
    w, _ = expect(backend.gate, ENDED)
    assert w.u64() == 1
    assert status_exists(b) == 1
    deadline = time.monotonic() + 5
    while "session-died" not in backend.text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert f"pid={pid} signal=9" in backend.text()


def test_hub_killed_sessions_finish_and_say_bye(backend):
    a = backend.login()
    a.line()
    a.append(MESSAGE)
    backend.hub.kill()
    assert a.line().startswith(b"* BYE")


def test_forker_killed_sessions_finish_and_a_new_one_starts(backend):
    a = backend.login()
    a.line()
    a.append(MESSAGE)
    backend.forker.kill()
    assert a.line().startswith(b"* BYE")
    expect(backend.gate, ENDED)
    backend.start_forker()
    b = backend.login()
    b.line()
    assert status_exists(b) == 1


def test_orderly_stop(backend):
    a = backend.login()
    a.line()
    send(backend.hub.sock, STOP)
    assert a.line().startswith(b"* BYE")
    assert backend.hub.wait() == 0
    send(backend.forker.sock, STOP)
    assert backend.forker.wait() == 0


def test_all_end_with_master(backend):
    a = backend.login()
    a.line()
    backend.hub.sock.close()
    backend.forker.sock.close()
    assert backend.hub.wait() is not None
    assert backend.forker.wait() is not None
    assert a.line().startswith(b"* BYE")
