"""Many sessions on one mailbox."""
import random
import threading

from serving import message, wait_for

SESSIONS = 50


class Follower:
    """Keeps the UIDs and flags of a mailbox by nothing but what a session is told."""

    def __init__(self, server, account):
        self.c = server.raw(account)
        self.rows = []  # [uid or None, flags]
        for u in self.c.ok(b"SELECT INBOX"):
            self.hear(u)
        self.learn()

    def hear(self, u):
        words = u.split(b" ", 3)
        if len(words) < 3 or not words[1].isdigit():
            return
        n = int(words[1])
        if words[2] == b"EXISTS":
            assert n >= len(self.rows)
            self.rows += [[None, None] for _ in range(n - len(self.rows))]
        elif words[2] == b"EXPUNGE":
            del self.rows[n - 1]
        elif words[2] == b"FETCH":
            row = self.rows[n - 1]
            text = words[3]
            if b"UID " in text:
                uid = int(text.split(b"UID ")[1].split(b" ")[0].rstrip(b")"))
                assert row[0] in (None, uid)
                row[0] = uid
            if b"FLAGS (" in text:
                row[1] = frozenset(text.split(b"FLAGS (")[1].split(b")")[0].split()) - {b"\\Recent"}

    def command(self, command):
        """RFC 5530: somebody else may have expunged what it is about; the next answers tell."""
        untagged, status = self.c.command(command)
        assert status.startswith((b"OK", b"NO [EXPUNGEISSUED]")), (command, status)
        for u in untagged:
            self.hear(u)

    def learn(self):
        """Ask for what was not told."""
        while unknown := [i + 1 for i, row in enumerate(self.rows) if None in row]:
            self.command(b"FETCH %s (UID FLAGS)" % b",".join(b"%d" % i for i in unknown))
            self.command(b"NOOP")

    def poll(self):
        self.command(b"NOOP")
        self.learn()

    def act(self, rng, i):
        what = rng.random()
        if what < 0.4 or not self.rows:
            text = message(f"by {i}")
            self.command(b"APPEND INBOX {%d+}\r\n%s" % (len(text), text))
            self.learn()
            return
        uid = rng.choice(self.rows)[0]
        if uid is None:
            return
        if what < 0.8:
            flag = rng.choice([b"\\Seen", b"\\Flagged", b"\\Answered", b"word%d" % (i % 3)])
            self.command(b"UID STORE %d %sFLAGS (%s)" % (uid, rng.choice([b"+", b"-"]), flag))
        else:
            self.command(b"UID STORE %d +FLAGS.SILENT (\\Deleted)" % uid)
            self.command(b"UID EXPUNGE %d" % uid)
        self.learn()


def test_fifty_sessions_agree(server, account):
    """Each appends, flags and expunges; in the end all have the same picture, and it is the true one."""
    followers = [Follower(server, account) for _ in range(SESSIONS)]
    failures = []

    def run(i):
        rng = random.Random(i)
        try:
            for _ in range(8):
                followers[i].act(rng, i)
                followers[i].poll()
        except Exception as e:  # shown below
            failures.append((i, repr(e)))
    threads = [threading.Thread(target=run, args=(i,)) for i in range(SESSIONS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    fresh = Follower(server, account)
    # SILENT hides one's own change of \\Deleted from oneself, and those rows are gone
    for f in followers:
        f.poll()
        assert [r[0] for r in f.rows] == [r[0] for r in fresh.rows]
        assert [r[1] for r in f.rows] == [r[1] for r in fresh.rows]
    uids = [r[0] for r in fresh.rows]
    assert uids == sorted(set(uids))
    for f in followers + [fresh]:
        f.c.close()
    server.fumi("verify", "-u", account.name)


def test_fifty_idle_sessions_hear_of_a_message(server, account):
    idlers = []
    for _ in range(SESSIONS):
        c = server.raw(account)
        c.ok(b"SELECT INBOX")
        tag = c.begin(b"IDLE")
        assert c.reply().startswith(b"+")
        idlers.append((c, tag))
    writer = server.raw(account)
    assert writer.append(b"INBOX", message("news")).startswith(b"OK")
    for c, _ in idlers:
        while c.reply() != b"* 1 EXISTS":
            pass
    writer.ok(b"SELECT INBOX")
    writer.ok(b"STORE 1 +FLAGS (\\Deleted)")
    writer.ok(b"EXPUNGE")
    for c, tag in idlers:
        while c.reply() != b"* 1 EXPUNGE":
            pass
        c.send(b"DONE\r\n")
        c.end(tag)
        c.close()
    writer.close()


def test_a_folder_made_here_is_there_at_once(server, account):
    a, b = server.raw(account), server.raw(account)
    a.ok(b"CREATE Here")
    assert any(b"Here" in u for u in b.ok(b'LIST "" *'))
    b.ok(b"DELETE Here")
    wait_for(lambda: not any(b"Here" in u for u in a.ok(b'LIST "" *')))
    a.close()
    b.close()
