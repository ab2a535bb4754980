"""POP3, IMAP and deliveries at once on one INBOX: no message is lost, none is seen twice."""
import hashlib
import poplib
import ssl
import subprocess
import threading
import time

from serving import message

DELIVERIES = 200
DELIVERERS = 8


def digest(octets):
    """Of a message, without what delivery puts in front."""
    while octets.startswith((b"Return-Path:", b"Delivered-To:", b"Received:")):
        octets = octets.split(b"\r\n", 1)[1]
    return hashlib.sha256(octets).hexdigest()


class Together:
    def __init__(self, server, account):
        self.server, self.account = server, account
        self.done = threading.Event()
        self.sent, self.problems = set(), []
        self.by_pop, self.by_imap = set(), set()  # digests of what each has taken away

    def guarded(self, what, *args):
        try:
            what(*args)
        except Exception as e:  # a thread's failure is the test's
            self.problems.append(f"{what.__name__}: {e!r}")

    def deliver(self, k):
        for i in range(k, DELIVERIES, DELIVERERS):
            m = message(f"message {i}", "." * (i % 7) + "\r\n.\r\n" * (i % 3) + "x" * i)
            r = subprocess.run([self.server.info["fumi"], "-c", self.server.info["conf"], "deliver", "-d",
                                self.account.name], input=m, capture_output=True, timeout=120)
            if r.returncode != 0:
                self.problems.append(r.stderr.decode())
            self.sent.add(digest(m))

    def pop(self):
        """Fetch what is there and take every third message away."""
        context = ssl.create_default_context(cafile=self.server.cert)
        while not self.done.is_set():
            p = poplib.POP3_SSL("localhost", self.server.ports["pop3s"], context=context, timeout=60)
            p.user(self.account.name)
            p.pass_(self.account.password)
            sizes = [int(line.split()[1]) for line in p.list()[1]]
            assert len(p.uidl()[1]) == len(sizes) == p.stat()[0]
            gone = set()
            for i, size in enumerate(sizes, 1):
                try:
                    m = b"".join(line + b"\r\n" for line in p.retr(i)[1])
                except poplib.error_proto as e:
                    assert b"[SYS/TEMP]" in e.args[0]  # IMAP took it
                    continue
                assert len(m) == size
                if i % 3 == 0:
                    p.dele(i)
                    gone.add(digest(m))
            p.quit()
            assert not gone & self.by_pop, "POP3 has taken it before"
            self.by_pop |= gone
            time.sleep(0.05)

    def imap(self):
        """Flag and take away: by UID, and only what was still there."""
        c = self.server.imaplib(self.account)
        c.select("INBOX")
        while not self.done.is_set():
            uids = c.uid("SEARCH", "ALL")[1][0].split()
            for uid in uids[::5]:
                got = [x for x in c.uid("FETCH", uid, "(BODY.PEEK[])")[1] if isinstance(x, tuple)]
                if not got:
                    continue
                c.uid("STORE", uid, "+FLAGS", "(\\Flagged \\Deleted)")
                c.uid("EXPUNGE", uid)
                self.by_imap.add(digest(got[0][1]))
            time.sleep(0.05)
        c.logout()


def test_together(server, account):
    t = Together(server, account)
    readers = [threading.Thread(target=t.guarded, args=(f,)) for f in (t.pop, t.imap)]
    writers = [threading.Thread(target=t.guarded, args=(t.deliver, k)) for k in range(DELIVERERS)]
    for thread in readers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    time.sleep(0.5)
    t.done.set()
    for thread in readers:
        thread.join()
    assert not t.problems
    c = server.imaplib(account)
    c.select("INBOX")
    left = [digest(x[1]) for x in c.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(x, tuple)]
    c.logout()
    assert len(left) == len(set(left)), "twice"
    assert len(t.sent) == DELIVERIES and t.by_pop and t.by_imap
    assert not set(left) & (t.by_pop | t.by_imap), "taken, and still there"
    assert set(left) | t.by_pop | t.by_imap == t.sent


def test_shutdown(own_server, tmp_path):
    """Nothing is said (RFC 1939 section 3) and nothing is removed."""
    server = own_server(directory=tmp_path / "server")
    c = server.imaplib(server.demo)
    c.append("INBOX", None, None, message("stays"))
    c.logout()
    context = ssl.create_default_context(cafile=server.cert)
    p = poplib.POP3_SSL("localhost", server.ports["pop3s"], context=context, timeout=60)
    p.user(server.demo.name)
    p.pass_(server.demo.password)
    assert p.dele(1).startswith(b"+OK")
    server.process.terminate()
    assert p.file.readline() == b""
    server.process.wait(60)
    with subprocess.Popen([server.info["fumi"], "session", "--stdio", "--dir", server.demo.dir, "--protocol", "pop3"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as s:
        assert s.communicate(b"QUIT\r\n", 60)[0].startswith(b"+OK 1 messages")
