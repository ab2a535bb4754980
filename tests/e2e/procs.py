"""Runs single processes of the server with the test in the place of all the others: it holds the far ends of their
sockets and speaks their messages (src/proc/msg_*.h)."""
import fcntl
import os
import select
import signal
import socket
import struct
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("FUMI_BUILD", os.path.join(ROOT, "build"))
PROC = os.path.join(BUILD, "src", "proc")

READY, SETTLED, PEER, LISTENER, CERTIFICATE, GO, RELOAD, STOP = 1, 2, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86
DIRECTORY = 0x88
AUTH, HUB, FORKER, GATE = 1, 2, 3, 4
GRANT, DISCONNECT, LOOKED, LOOKUP = 0x201, 0x202, 0x203, 0x281
HANDOVER, GONE, STARTED, REFUSED, ENDED = 0x301, 0x302, 0x381, 0x382, 0x383
FORK, KILL, FORKED, FAILED, EXITED = 0x401, 0x402, 0x481, 0x482, 0x483
S_READY, S_COMMITTED, S_WATCH, S_STATE, S_DELIVERED = 0x501, 0x502, 0x503, 0x504, 0x982
S_START, S_CHANGED, S_SHUTDOWN, S_DELIVER = 0x581, 0x582, 0x583, 0x902
S_SUBMIT, S_TAKE, S_TAKEN, S_SUBMITTED = 0xa01, 0xa03, 0xa81, 0xa82
C_DELIVER, C_LIST, C_RESULT, C_ROW, C_END, C_DENIED = 0x601, 0x602, 0x681, 0x682, 0x683, 0x684
IMAP, DELIVERY = 1, 5
CONTROL = 64


def u8(v):
    return struct.pack(">B", v)


def u32(v):
    return struct.pack(">I", v)


def u64(v):
    return struct.pack(">Q", v)


def data(v):
    return u32(len(v)) + v


def mono_ms():
    return int(time.monotonic() * 1000)


class Wire:
    def __init__(self, msg):
        self.msg = msg
        self.type = self.u32()

    def raw(self, n):
        r, self.msg = self.msg[:n], self.msg[n:]
        assert len(r) == n
        return r

    def u8(self):
        return self.raw(1)[0]

    def u32(self):
        return struct.unpack(">I", self.raw(4))[0]

    def u64(self):
        return struct.unpack(">Q", self.raw(8))[0]

    def data(self):
        return self.raw(self.u32())


def send(sock, type, body=b"", fd=None):
    if fd is None:
        sock.send(u32(type) + body)
    else:
        socket.send_fds(sock, [u32(type) + body], [fd])


class Closed(Exception):
    pass


def recv(sock, timeout=20):
    """One message: (Wire, descriptor or None)."""
    if silent(sock, timeout):
        raise TimeoutError
    msg, fds, _, _ = socket.recv_fds(sock, 65536, 1)
    if not msg:
        raise Closed
    return Wire(msg), (fds[0] if fds else None)


def expect(sock, type, timeout=20):
    w, fd = recv(sock, timeout)
    assert w.type == type, f"{w.type:#x}, want {type:#x}"
    return w, fd


def silent(sock, seconds=0.3):
    poll = select.poll()  # select() has no room for descriptors above 1023
    poll.register(sock, select.POLLIN)
    return not poll.poll(seconds * 1000)


def pair():
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def high(fd):
    """Moved out of the way of what a child is given at its place."""
    r = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 60)
    os.close(fd)
    return r


def memfd(content, sealed=False):
    fd = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    if sealed:
        fcntl.fcntl(fd, 1033, 2 | 4 | 8)  # F_ADD_SEALS: SHRINK, GROW, WRITE
    return fd


class Process:
    """One process of the server, started as master does it; sock is master's end."""

    def __init__(self, name, conf, log, number=0, uid=None):
        self.sock, theirs = pair()
        fds = [high(theirs.detach()), high(memfd(conf.encode())), high(os.open(log, os.O_WRONLY | os.O_APPEND))]
        actions = [(os.POSIX_SPAWN_DUP2, fd, 3 + i) for i, fd in enumerate(fds)]
        argv = [os.path.join(PROC, name), str(number)]
        if uid is not None:
            argv = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *argv]
        self.pid = os.posix_spawnp(argv[0], argv, dict(os.environ), file_actions=actions)
        self.status = None
        for fd in fds:
            os.close(fd)

    def peer(self, process, number=0):
        """Our end of a new socket between it and another process."""
        ours, theirs = pair()
        send(self.sock, PEER, u8(process) + u32(number), theirs.fileno())
        theirs.close()
        return ours

    def go(self):
        send(self.sock, GO)
        expect(self.sock, READY)

    def wait(self, timeout=20):
        end = time.monotonic() + timeout
        while self.status is None and time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = status
                break
            time.sleep(0.01)
        return self.status

    def kill(self, sig=signal.SIGKILL):
        if self.status is None:
            os.kill(self.pid, sig)
            self.wait()


def connect(x, x_kind, y, y_kind, x_number=0, y_number=0):
    """A socket pair between two processes."""
    a, b = pair()
    send(x.sock, PEER, u8(y_kind) + u32(y_number), a.fileno())
    send(y.sock, PEER, u8(x_kind) + u32(x_number), b.fileno())
    a.close()
    b.close()


CONF = """[server]
log-level = all
"""


def grant(gid, account=b"ann@example.org", gate=1, conn=7, generation=3, service=IMAP, uid=None, path=None,
          sessions=100, memory=512 << 20, cpu=120, expires=None):
    uid = os.geteuid() if uid is None else uid
    path = path or b"/".join(reversed(account.split(b"@")))
    return (gid + u32(gate) + u64(conn) + u32(generation) + u8(service) + data(account) + u32(uid) + u32(uid) +
            data(path) + u32(sessions) + u64(memory) + u32(cpu) + u64(expires or mono_ms() + 10000))


def client():
    """As struct msg_client: remote, local, ports, no TLS."""
    v4 = b"\0" * 10 + b"\xff\xff" + bytes([127, 0, 0, 1])
    return v4 + v4 + struct.pack(">HHB", 40000, 143, 0)


def handover(gid, conn=7, generation=3, tag=b"a1", unread=b"", service=IMAP):
    login = data(tag if service == IMAP else b"") + data(b"LOGIN") + data(b"") + data(b"PLAIN") + u8(1) + u8(0) * 3
    return u64(conn) + u32(generation) + u8(service) + gid + login + data(unread) + client() + u8(1)


class Backend:
    """hub and forker, with the test as master, auth and gate 1."""

    def __init__(self, dir, conf=CONF, forker="fumi-forker", uids=None, setid=False):
        self.dir = dir
        self.log = os.path.join(dir, "log")
        os.makedirs(os.path.join(dir, "accounts"), mode=0o711, exist_ok=True)
        os.chmod(dir, 0o755)
        open(self.log, "a").close()
        self.uid = uids
        if uids is not None:
            os.chown(os.path.join(dir, "accounts"), uids, uids)
        self.hub = Process("fumi-hub", conf, self.log, uid=uids)
        self.forker_name, self.conf = forker, conf
        self.control_path = os.path.join(dir, "sock")
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.path.exists(self.control_path):
            os.unlink(self.control_path)
        listener.bind(self.control_path)
        os.chmod(self.control_path, 0o666)
        listener.listen(16)
        send(self.hub.sock, LISTENER, u8(CONTROL) + u8(0) + u8(0) + data(b"control"), listener.fileno())
        listener.close()
        self.gate = self.hub.peer(GATE, 1)
        self.auth_hub = self.hub.peer(AUTH)
        self.start_forker()
        self.hub.go()
        self.next = 0
        self.clients = []

    def start_forker(self):
        self.forker = Process(self.forker_name, self.conf, self.log, uid=self.uid)
        connect(self.hub, HUB, self.forker, FORKER)
        self.auth_forker = self.forker.peer(AUTH)
        fd = os.open(os.path.join(self.dir, "accounts"), os.O_RDONLY | os.O_DIRECTORY)
        send(self.forker.sock, DIRECTORY, b"", fd)
        os.close(fd)
        self.forker.go()

    def id(self):
        self.next += 1
        return struct.pack(">QQ", 1, self.next)

    def grant(self, gid, **kw):
        g = grant(gid, **kw)
        send(self.auth_hub, GRANT, g)
        send(self.auth_forker, GRANT, g)

    def login(self, account=b"ann@example.org", tag=b"a1", unread=b"", conn=None, **kw):
        """A logged-in client: a socket whose far end the session has."""
        gid = self.id()
        conn = self.next if conn is None else conn
        self.grant(gid, account=account, conn=conn, **kw)
        ours, theirs = socket.socketpair()
        send(self.gate, HANDOVER, handover(gid, conn=conn, tag=tag, unread=unread), theirs.fileno())
        theirs.close()
        w, _ = expect(self.gate, STARTED)
        assert w.u64() == conn
        self.clients.append(ours)
        return Client(ours)

    def control(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        s.connect(self.control_path)
        return s

    def text(self):
        with open(self.log) as f:
            return f.read()

    def close(self):
        for c in self.clients:
            c.close()
        self.hub.kill()
        self.forker.kill()


class Client:
    """A plain IMAP client, one command at a time."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(20)
        self.buf = b""
        self.n = 0

    def line(self):
        while b"\r\n" not in self.buf:
            d = self.sock.recv(65536)
            if not d:
                raise Closed
            self.buf += d
        r, self.buf = self.buf.split(b"\r\n", 1)
        return r

    def until(self, tag):
        out = []
        while True:
            out.append(self.line())
            if out[-1].startswith(tag + b" "):
                return out

    def cmd(self, text):
        self.n += 1
        tag = b"c%d" % self.n
        self.sock.sendall(tag + b" " + text + b"\r\n")
        return self.until(tag)

    def append(self, message, mailbox=b"INBOX"):
        return self.cmd(b"APPEND %s {%d+}\r\n%s" % (mailbox, len(message), message))

    def close(self):
        self.sock.close()
