"""Sessions are killed while they append: what was acknowledged is there, once, and nothing else is broken."""
import os
import random
import signal
import threading
import time

from serving import Closed, message, process_name, process_parents, wait_for

WRITERS = 6
KILLS = 60


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
    threads = [threading.Thread(target=write, args=(i,), daemon=True) for i in range(WRITERS)]
    for t in threads:
        t.start()
    rng, kills = random.Random(5), 0
    while kills < KILLS:
        before = len(acknowledged)
        wait_for(lambda: len(acknowledged) > before)  # however busy the machine is
        forkers = s.processes("fumi-forker")
        sessions = [p for p, parent in process_parents().items()
                    if parent in forkers and process_name(p) == "fumi-session"]
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
    c = s.imaplib(account)
    c.select("INBOX", readonly=True)
    rows = c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    there = [p[1].decode().split(":", 1)[1].strip() for p in rows if isinstance(p, tuple)]
    assert len(there) == len(set(there))
    assert set(acknowledged) <= set(there) <= set(sent)
    c.logout()
    s.fumi("verify", "-u", account.name)
