"""Sessions are killed while they append: what was acknowledged is there, once, and nothing else is broken."""
import os
import random
import signal
import threading
import time

from serving import Closed, message, process_parents

WRITERS = 6
SECONDS, KILLS, MESSAGES = 4, 25, 50
LIMIT = 60  # seconds, on a machine that does much besides


def test_killed_sessions_lose_nothing(own_server):
    s = own_server()
    account = s.account()
    acknowledged, sent, stop = [], [], threading.Event()

    def write(i):
        n = 0
        while not stop.is_set():
            try:
                c = s.raw(account)
                while not stop.is_set():
                    n += 1
                    subject = f"w{i} n{n}"
                    sent.append(subject)
                    if c.append(b"INBOX", message(subject, "x" * (n % 5) * 3000)).startswith(b"OK"):
                        acknowledged.append(subject)
            except (Closed, OSError, AssertionError):
                time.sleep(0.02)  # killed; come again
    threads = [threading.Thread(target=write, args=(i,)) for i in range(WRITERS)]
    for t in threads:
        t.start()
    rng, kills, start = random.Random(5), 0, time.monotonic()

    def enough():
        t = time.monotonic() - start
        return t > LIMIT or t > SECONDS and kills >= KILLS and len(acknowledged) >= MESSAGES
    while not enough():
        forkers = s.processes("fumi-forker")
        sessions = [p for p, parent in process_parents().items() if parent in forkers]
        if sessions:
            try:
                os.kill(rng.choice(sessions), signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                pass
        time.sleep(rng.random() * 0.06)
    stop.set()
    for t in threads:
        t.join()
    assert kills >= KILLS and len(acknowledged) >= MESSAGES, (kills, len(acknowledged))
    c = s.imaplib(account)
    c.select("INBOX", readonly=True)
    rows = c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    there = [p[1].decode().split(":", 1)[1].strip() for p in rows if isinstance(p, tuple)]
    assert len(there) == len(set(there))
    assert set(acknowledged) <= set(there) <= set(sent)
    c.logout()
    s.fumi("verify", "-u", account.name)
