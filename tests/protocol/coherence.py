#!/usr/bin/env python3
"""Many clients on one mailbox at once: what each was told must be what is there.

    coherence.py PORT [--clients 50] [--turns 40] [--seed 1] [--user U] [--password P]

Every client keeps, from the untagged replies alone, the UIDs and flags of the mailbox as it must
understand them, while all of them append, store, expunge, copy, move and idle at random. At the end
each one's picture is compared with that of a client that opens the mailbox afresh.
"""
import argparse
import random
import re
import socket
import sys

FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "Work", "$Later"]


class Client:
    def __init__(self, port, user, password, number):
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.file = self.socket.makefile("rb")
        self.number, self.tags = number, 0
        self.exists, self.uid, self.flags = 0, [], []
        self.idle = None
        self.file.readline()
        self.run("LOGIN %s %s" % (user, password))
        self.run("SELECT INBOX")
        self.learn()

    def learn(self):
        """Ask for the UIDs of what has arrived."""
        while None in self.uid:
            self.run("FETCH %d:* (UID FLAGS)" % (self.uid.index(None) + 1))
            if None in self.uid:
                self.run("NOOP") # gone already, which FETCH may not tell

    def untagged(self, line):
        m = re.match(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH)(.*)", line)
        if not m:
            return
        n, what = int(m[1]), m[2]
        if what == b"EXISTS":
            assert n >= len(self.uid), "EXISTS went down"
            self.uid += [None] * (n - len(self.uid))
            self.flags += [None] * (n - len(self.flags))
        elif what == b"EXPUNGE":
            assert 1 <= n <= len(self.uid), "EXPUNGE of a message that is not there"
            assert not self.no_expunge, "EXPUNGE during " + self.command
            del self.uid[n - 1], self.flags[n - 1]
        else:
            assert 1 <= n <= len(self.uid), "FETCH of a message that is not there"
            u = re.search(rb"UID (\d+)", m[3])
            f = re.search(rb"FLAGS \(([^)]*)\)", m[3])
            if u:
                assert self.uid[n - 1] in (None, int(u[1])), "a number has got another UID"
                self.uid[n - 1] = int(u[1])
            if f:
                self.flags[n - 1] = frozenset(f[1].decode().split()) - {"\\Recent"}

    def send(self, command):
        self.tags += 1
        self.tag = b"%d.%d" % (self.number, self.tags)
        self.command = command
        self.no_expunge = command.split()[0] in ("FETCH", "STORE", "SEARCH")
        self.socket.sendall(self.tag + b" " + command.encode() + b"\r\n")

    def answer(self):
        while True:
            line = self.file.readline()
            assert line, "closed: " + self.command
            if line.startswith(self.tag + b" "):
                assert not line.startswith(self.tag + b" BAD"), line
                return line
            if line.startswith(b"* "):
                self.untagged(line)

    def run(self, command):
        self.send(command)
        return self.answer()

    def turn(self, rng):
        """One random command; the answer may be NO where others came first."""
        if self.idle:
            self.socket.sendall(b"DONE\r\n")
            self.answer()
            self.idle = None
        self.learn()
        known = [i + 1 for i, u in enumerate(self.uid) if u]
        what = rng.choice(["append", "store", "store", "uid store", "delete", "expunge", "uid expunge", "copy", "move",
                           "noop", "fetch", "search", "idle"])
        if what == "append" or not known:
            text = "Subject: %d\r\n\r\nfrom %d\r\n" % (rng.random() * 1e9, self.number)
            return self.run("APPEND INBOX (%s) {%d+}\r\n%s" % (rng.choice(FLAGS), len(text), text))
        lo = rng.choice(known)
        hi = min(lo + rng.randrange(4), len(self.uid))
        uids = [u for u in self.uid[lo - 1:hi] if u]
        sign, flag = rng.choice(["", "+", "-"]), rng.choice(FLAGS)
        if what == "store":
            self.run("STORE %d:%d %sFLAGS (%s)" % (lo, hi, sign, flag))
        elif what == "uid store":
            silent = rng.choice(["", ".SILENT"])
            answer = self.run("UID STORE %d:%d %sFLAGS%s (%s)" % (uids[0], uids[-1], sign, silent, flag))
            if silent and b" OK" in answer: # the client knows what it asked for; the rest it must be told
                self.run("UID FETCH %d:%d FLAGS" % (uids[0], uids[-1]))
        elif what == "delete":
            self.run("STORE %d +FLAGS (\\Deleted)" % lo)
        elif what == "expunge":
            self.run("EXPUNGE")
        elif what == "uid expunge":
            self.run("UID EXPUNGE %d" % uids[0])
        elif what == "copy":
            self.run("COPY %d:%d INBOX" % (lo, hi))
        elif what == "move":
            self.run("UID MOVE %d Other" % uids[0])
        elif what == "fetch":
            self.run("FETCH %d:%d (UID BODY[HEADER.FIELDS (SUBJECT)])" % (lo, lo))
        elif what == "search":
            self.run("SEARCH UNSEEN")
        elif what == "idle":
            self.send("IDLE")
            self.file.readline()
            self.idle = True
        else:
            self.run("NOOP")

    def end(self):
        if self.idle:
            self.socket.sendall(b"DONE\r\n")
            self.answer()
        self.run("NOOP")
        self.learn()
        self.run("NOOP")


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("port", type=int)
    ap.add_argument("--clients", type=int, default=50)
    ap.add_argument("--turns", type=int, default=40)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--user", default="coherence")
    ap.add_argument("--password", default="x")
    options = ap.parse_args()

    def client(number):
        return Client(options.port, options.user, options.password, number)

    rng = random.Random(options.seed)
    first = client(0)
    first.run("CREATE Other")
    for i in range(30):
        first.run("APPEND INBOX {6+}\r\na: b\r\n")
    clients = [first] + [client(i + 1) for i in range(options.clients - 1)]
    for turn in range(options.turns):
        for c in rng.sample(clients, len(clients)):
            c.turn(rng)
    for c in clients:
        c.end()
    fresh = client(9999)
    bad = [c.number for c in clients if (c.uid, c.flags) != (fresh.uid, fresh.flags)]
    for c in clients:
        if c.number in bad[:3]:
            print("# client %d: %d messages, fresh has %d; other flags: %r" % (
                c.number, len(c.uid), len(fresh.uid),
                [(u, sorted(a), sorted(b)) for u, a, b in zip(c.uid, c.flags, fresh.flags) if a != b][:5]))
    print("1..1")
    print("%s 1 - %d clients, %d commands, %d messages at the end" % (
        "not ok" if bad else "ok", len(clients), sum(c.tags for c in clients), len(fresh.uid)))
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
