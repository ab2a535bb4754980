"""The server under test: tests/serve, its accounts, its processes, and a plain IMAP client."""
import contextlib
import imaplib
import itertools
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("FUMI_BUILD", os.path.join(ROOT, "build"))
SERVE = os.path.join(ROOT, "tests", "serve")
VECTORS = os.path.join(ROOT, "tests", "vectors")
SECONDS = 30  # for anything that should be at once, on a machine that is busy


def wait_for(what, seconds=SECONDS, every=0.02):
    """The first true value of what()."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, "waited in vain"
        time.sleep(every)


def others_can_run():
    """May we be another user, and can that one get to the programs? A clone in root's home is closed to it."""
    path, open_ = BUILD, os.geteuid() == 0
    while open_ and path != "/":
        open_ = os.stat(path).st_mode & 1 == 1 if os.path.isdir(path) else True
        path = os.path.dirname(path)
    return open_


def process_parents():
    """{pid: parent} of all processes."""
    out = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                out[int(pid)] = int(f.read().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            pass
    return out


def process_status(pid, key):
    """A number of /proc/PID/status, in KiB where it has a unit."""
    with open(f"/proc/{pid}/status") as f:
        m = re.search(rf"^{key}:\s+(\d+)", f.read(), re.M)
    return int(m[1])


def process_name(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return ""


class Account:
    def __init__(self, server, name, password):
        self.server, self.name, self.password = server, name, password

    @property
    def dir(self):
        user, domain = self.name.split("@")
        return os.path.join(self.server.dir, "state", "accounts", domain, user)


class Server:
    """tests/serve in directory; options are its options. preexec_fn is that of Popen."""
    numbers = itertools.count(1)

    def __init__(self, directory, *options, preexec_fn=None):
        self.process = subprocess.Popen([sys.executable, SERVE, str(directory), "--build", BUILD, "--with-parent",
                                         *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        preexec_fn=preexec_fn)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.stderr.read())
        self.info = json.loads(line)
        self.ports = self.info["ports"]
        self.imap, self.imaps = self.ports["imap"], self.ports["imaps"]
        self.dir, self.pid, self.cert = self.info["dir"], self.info["pid"], self.info["cert"]
        self.demo = Account(self, self.info["user"], self.info["password"])

    def close(self):
        """Must end in order."""
        self.process.terminate()
        _, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def fumi(self, *args, input=None, status=0):
        """The command, which must end with status; what it printed."""
        r = subprocess.run([self.info["fumi"], "-c", self.info["conf"], *args], input=input, capture_output=True,
                           timeout=120)
        assert r.returncode == status, (args, r.returncode, r.stderr.decode(errors="replace")[-2000:])
        return r.stdout + r.stderr

    def account(self):
        """A new one."""
        a = Account(self, f"user{next(self.numbers)}@example.org", "secret word")
        self.fumi("account", "add", a.name, input=a.password.encode() + b"\n")
        return a

    def log(self):
        with open(self.info["log"], errors="replace") as f:
            return f.read()

    def processes(self, name=None):
        """Pids of the server's processes, all or those of a name."""
        parents = process_parents()
        found, todo = [], [self.pid]
        while todo:
            p = todo.pop()
            found.append(p)
            todo += [c for c, parent in parents.items() if parent == p]
        return [p for p in found if name is None or process_name(p) == name]

    def kill_those(self, name, most=None):
        """Kill the processes of a name, or so many of them; returns how many it met. Some end by themselves meanwhile."""
        met = 0
        for p in self.processes(name)[:most]:
            try:
                os.kill(p, signal.SIGKILL)
                met += 1
            except ProcessLookupError:
                pass
        return met

    def forked_by(self, action):
        """What action() returns, and the one process that the forker started for it."""
        forkers = self.processes("fumi-forker")
        children = lambda: {c for c, p in process_parents().items()  # not those that wait to become one
                            if p in forkers and process_name(c) in ("fumi-session", "fumi-delivery")}
        before = children()
        result = action()
        new = wait_for(lambda: children() - before)
        assert len(new) == 1, new
        return result, new.pop()

    def imaplib(self, account, tls=True):
        if tls:
            c = imaplib.IMAP4_SSL("localhost", self.imaps,
                                  ssl_context=ssl.create_default_context(cafile=self.cert), timeout=60)
        else:
            c = imaplib.IMAP4("127.0.0.1", self.imap, timeout=60)
        c.login(account.name, account.password)
        return c

    def raw(self, account=None, tls=False):
        return Raw(self, account, tls)


class Closed(Exception):
    pass


class Raw:
    """One connection, bytes as they are. Replies come with their literals, without the last CRLF."""

    def __init__(self, server, account=None, tls=False):
        self.socket = socket.create_connection(("127.0.0.1", server.imaps if tls else server.imap), 60)
        if tls:
            context = ssl.create_default_context(cafile=server.cert)
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.got, self.tags = bytearray(), 0
        self.greeting = self.reply()
        if account is not None:
            self.ok(b'LOGIN "%s" "%s"' % (account.name.encode(), account.password.encode()))

    def fill(self):
        try:
            d = self.socket.recv(1 << 18)
        except ConnectionError:
            d = b""
        if not d:
            raise Closed
        self.got += d

    def reply(self):
        at = 0
        while True:
            while (stop := self.got.find(b"\r\n", at)) < 0:
                self.fill()
            m = re.search(rb"~?\{(\d+)\}$", self.got[max(at, stop - 20):stop])
            if not m or self.got.startswith(b"+ "):
                break
            at = stop + 2 + int(m[1])
            while len(self.got) < at:
                self.fill()
        out = bytes(self.got[:stop])
        del self.got[:stop + 2]
        return out

    def send(self, data):
        self.socket.sendall(data)

    def begin(self, command):
        """Send it under a new tag; the tag."""
        self.tags += 1
        tag = b"t%d" % self.tags
        self.send(tag + b" " + command + b"\r\n")
        return tag

    def end(self, tag):
        """(untagged replies, the tagged one without its tag)"""
        out = []
        while True:
            r = self.reply()
            if r.startswith(tag + b" "):
                return out, r[len(tag) + 1:]
            out.append(r)

    def command(self, command):
        return self.end(self.begin(command))

    def ok(self, command):
        untagged, status = self.command(command)
        assert status.startswith(b"OK"), (command[:100], status)
        return untagged

    def append(self, box, message, flags=b""):
        """The tagged answer."""
        extra = b" (" + flags + b")" if flags else b""
        _, status = self.command(b"APPEND %s%s {%d+}\r\n%s" % (box, extra, len(message), message))
        return status

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()


def message(subject, body="Hello.", sender="alice@example.org"):
    return (f"From: {sender}\r\nTo: demo@example.org\r\nSubject: {subject}\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
            f"Message-ID: <{subject.replace(' ', '.')}@example.org>\r\n\r\n{body}\r\n").encode()
