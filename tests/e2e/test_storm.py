"""Two hundred clients deliver at once while others read, flag and delete: nothing is lost, nothing is there twice."""
import hashlib
import poplib
import re
import ssl
import threading

from test_lmtp import Lmtp

CLIENTS, MESSAGES, ACCOUNTS = 200, 4, 4


def digest(message):
    """Of what was sent: the server's own fields stand before it."""
    return hashlib.sha256(message[message.index(b"Subject: storm"):]).hexdigest()


def mail(client, n):
    return b"Subject: storm %d %d\r\nFrom: a@example.org\r\n\r\n" % (client, n) + b"%d %d\r\n" % (client, n) * (n * 700)


class Storm:
    def __init__(self, server):
        self.server = server
        self.accounts = [server.account() for _ in range(ACCOUNTS)]
        self.sent = {a.name: [] for a in self.accounts}     # digests that were acknowledged
        self.deleted = {a.name: set() for a in self.accounts}
        self.errors, self.lock, self.over = [], threading.Lock(), threading.Event()

    def run(self, function, *args):
        def guarded():
            try:
                function(*args)
            except Exception as e:  # noqa: BLE001 - told by the test
                self.errors.append((function.__name__, args and str(args[0]), repr(e)))
        t = threading.Thread(target=guarded)
        t.start()
        return t

    def deliver(self, client):
        c = Lmtp(self.server, timeout=120)
        for n in range(MESSAGES):
            to = [self.accounts[(client + n) % ACCOUNTS].name]
            if n == 1:
                to.append(self.accounts[(client + n + 1) % ACCOUNTS].name)
            message = mail(client, n)
            for name, answer in zip(to, c.deliver(message, *to)):
                assert answer.startswith("250"), answer
                with self.lock:
                    self.sent[name].append(digest(message))
        c.say("QUIT", 221)
        c.close()

    def bodies(self, c, numbers):
        rows = c.uid("FETCH", numbers, "(UID BODY.PEEK[])")[1]
        return {int(re.search(rb"UID (\d+)", r[0])[1]): digest(r[1]) for r in rows if isinstance(r, tuple)}

    def read_by_imap(self, account, deletes):
        c = self.server.imaplib(account, tls=deletes)
        c.select("INBOX")
        while not self.over.wait(0.05):
            c.noop()
            uids = c.uid("SEARCH", "NOT", "SEEN")[1][0].split()[:40]
            if not uids:
                continue
            numbers = b",".join(uids).decode()
            c.uid("STORE", numbers, "+FLAGS.SILENT", r"(\Seen \Flagged)")
            there = self.bodies(c, numbers)
            some = [u for u in there if u % 3 == 0]
            if deletes and some:
                numbers = ",".join(map(str, some))
                c.uid("STORE", numbers, "+FLAGS.SILENT", r"(\Deleted)")
                assert c.uid("EXPUNGE", numbers)[0] == "OK"
                with self.lock:
                    self.deleted[account.name] |= {there[u] for u in some}
        c.logout()

    def read_by_pop3(self, account):
        context = ssl.create_default_context(cafile=self.server.cert)
        while not self.over.wait(0.05):
            p = poplib.POP3_SSL("localhost", self.server.ports["pop3s"], context=context, timeout=120)
            p.user(account.name)
            p.pass_(account.password)
            gone = set()
            for n in range(1, min(p.stat()[0], 20) + 1):
                try:
                    message = b"\r\n".join(p.retr(n)[1]) + b"\r\n"
                except poplib.error_proto:
                    continue  # expunged by the other one meanwhile
                if n % 4 == 0:
                    p.dele(n)
                    gone.add(digest(message))
            p.quit()
            with self.lock:
                self.deleted[account.name] |= gone

    def check(self, account):
        c = self.server.imaplib(account)
        c.select("INBOX", readonly=True)
        there = list(self.bodies(c, "1:*").values()) if c.uid("SEARCH", "ALL")[1][0] else []
        uidnext = int(re.search(rb"UIDNEXT (\d+)", c.status("INBOX", "(UIDNEXT)")[1][0])[1])
        c.logout()
        sent = self.sent[account.name]
        assert len(there) == len(set(there))
        assert uidnext - 1 == len(sent) == len(set(sent))
        assert set(there) <= set(sent)
        assert set(sent) - set(there) <= self.deleted[account.name]
        assert self.deleted[account.name] and not set(there) & self.deleted[account.name]
        self.server.fumi("verify", "-u", account.name)


def test_storm(own_server):
    storm = Storm(own_server())
    readers = []
    for a in storm.accounts:
        readers += [storm.run(storm.read_by_imap, a, True), storm.run(storm.read_by_imap, a, False),
                    storm.run(storm.read_by_pop3, a)]
    writers = [storm.run(storm.deliver, i) for i in range(CLIENTS)]
    for t in writers:
        t.join()
    storm.over.wait(1)
    storm.over.set()
    for t in readers:
        t.join()
    assert not storm.errors, storm.errors[:5]
    for a in storm.accounts:
        storm.check(a)
