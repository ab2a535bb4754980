"""Each kind of process is killed while clients work. What was acknowledged is there, once; who need not lose anything
loses nothing; and the server is whole again by itself."""
import collections
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

import serving
from serving import Closed, message, wait_for

KINDS = ["fumi-gate", "fumi-auth", "fumi-hub", "fumi-forker", "fumi-out", "fumi-session"]


class Writer(threading.Thread):
    """Appends messages of its own for as long as it may, logging in again whenever it is thrown out."""

    def __init__(self, server, account, name, tls):
        super().__init__()
        self.server, self.account, self.name_, self.tls = server, account, name, tls
        self.acked, self.unknown, self.refused = [], [], 0
        self.lost = 0  # connections
        self.stop = threading.Event()
        self.failure = None

    def run(self):
        try:
            n = 0
            while not self.stop.is_set():
                try:
                    c = self.server.raw(self.account, tls=self.tls)
                except (Closed, OSError, AssertionError, ssl.SSLError):
                    time.sleep(0.05)
                    continue
                n = self.work(c, n)
                c.close()
        except Exception as e:  # noqa: BLE001, told by the test
            self.failure = e

    def work(self, c, n):
        while not self.stop.is_set():
            subject = f"{self.name_}-{n}"
            n += 1
            try:
                status = c.append(b"INBOX", message(subject))
            except (Closed, OSError):
                self.unknown.append(subject)  # perhaps it is there, perhaps not
                self.lost += 1
                break
            if status.startswith(b"OK"):
                self.acked.append(subject)
            else:
                self.refused += 1
        return n


def subjects(server, account):
    with server.imaplib(account, tls=False) as c:
        c.select("INBOX", readonly=True)
        _, rows = c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        found = b"".join(r[1] for r in rows if isinstance(r, tuple))
    return collections.Counter(re.findall(r"Subject: (\S+)", found.decode()))


def check(server, writers):
    """Nothing acknowledged is missing, nothing is there twice, nothing is there that nobody sent."""
    lost = 0
    for w in writers:
        assert w.failure is None, w.failure
        got = subjects(server, w.account)
        missing = [s for s in w.acked if got[s] != 1]
        assert not missing, missing[:5]
        assert all(n == 1 for n in got.values()), got.most_common(3)
        assert set(got) <= set(w.acked) | set(w.unknown)
        lost += w.lost
    return lost


def start_writers(server, accounts):
    ws = [Writer(server, a, f"w{i}", tls=i % 2 == 0) for i, a in enumerate(accounts)]
    for w in ws:
        w.start()
    return ws


def end_writers(ws):
    for w in ws:
        w.stop.set()
    for w in ws:
        w.join(serving.SECONDS)
        assert not w.is_alive()


@pytest.mark.parametrize("kind", KINDS)
def test_kill_under_load(own_server, kind):
    server = own_server()
    accounts = [server.account() for _ in range(4)]
    writers = start_writers(server, accounts)
    for _ in range(4):
        wait_for(lambda: server.processes(kind))
        before = sum(len(w.acked) for w in writers)
        wait_for(lambda: sum(len(w.acked) for w in writers) > before + 20)
        server.kill_those(kind, 1)
        before = [len(w.acked) for w in writers]
        wait_for(lambda: all(len(w.acked) > n for w, n in zip(writers, before)))
    end_writers(writers)
    wait_for(lambda: logs_in(server))  # what was killed last is there again
    lost = check(server, writers)
    print(f"{kind}: killed 4 times, {sum(len(w.acked) for w in writers)} messages acknowledged and there, "
          f"{lost} connections lost")
    if kind == "fumi-auth":
        assert lost == 0
    if kind == "fumi-session":
        assert lost <= 4
    for a in accounts:
        server.fumi("verify", "-u", a.name)
    server.close()


def test_kill_master_under_load(own_server, tmp_path):
    server = own_server()
    accounts = [server.account() for _ in range(4)]
    writers = start_writers(server, accounts)
    wait_for(lambda: sum(len(w.acked) for w in writers) > 50)
    all_of_them = server.processes()
    os.kill(server.pid, signal.SIGKILL)
    # when master ends, all end
    wait_for(lambda: not [p for p in all_of_them if serving.process_name(p).startswith("fumi") and
                          "Z" not in state(p)])
    end_writers(writers)
    again = subprocess.Popen([server.info["fumi"], "-c", server.info["conf"], "serve"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: answers(server))
        check(server, writers)
    finally:
        again.terminate()
        assert again.wait(30) == 0


def state(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


def answers(server):
    try:
        with socket.create_connection(("127.0.0.1", server.imap), 5) as s:
            return s.recv(64).startswith(b"* OK")
    except OSError:
        return False


def test_a_gate_dies_plain_sessions_live(own_server):
    """Relayed connections end with their gate; the others have their own descriptor."""
    server = own_server("--set", "server/gates=1")
    plain, tls = server.raw(server.demo), server.raw(server.demo, tls=True)
    other = server.raw()
    os.kill(server.processes("fumi-gate")[0], signal.SIGKILL)
    for lost in (tls, other):
        with pytest.raises((Closed, OSError)):
            lost.ok(b"NOOP")
    plain.ok(b"NOOP")
    assert plain.append(b"INBOX", message("after")).startswith(b"OK")
    wait_for(lambda: answers(server))
    new = server.raw(server.demo, tls=True)
    assert b"* 1 EXISTS" in new.ok(b"SELECT INBOX")


def test_without_auth_sessions_live_and_logins_wait(own_server):
    server = own_server()
    c, waiting = server.raw(server.demo), server.raw()
    server.kill_those("fumi-auth")
    c.ok(b"NOOP")

    def login():
        _, status = waiting.command(b"LOGIN demo@example.org demo")
        return status.startswith(b"OK") or (time.sleep(0.1), False)[1]
    wait_for(login)


def test_sessions_finish_when_the_hub_dies(own_server):
    server = own_server()
    c = server.raw(server.demo)
    os.kill(server.processes("fumi-hub")[0], signal.SIGKILL)
    with pytest.raises(Closed):
        while True:
            assert c.reply().startswith(b"* BYE")
    wait_for(lambda: logs_in(server))


def logs_in(server):
    try:
        server.raw(server.demo).ok(b"NOOP")
        return True
    except (Closed, OSError, AssertionError):
        return False


# --- orderly ---


def test_sigterm_says_bye_everywhere(own_server):
    server = own_server()
    c, t, p, i = server.raw(server.demo), server.raw(server.demo, tls=True), server.raw(), server.raw(server.demo)
    i.ok(b"SELECT INBOX")
    i.begin(b"IDLE")
    assert i.reply().startswith(b"+")
    os.kill(server.pid, signal.SIGTERM)
    for one in (c, t, p, i):
        assert one.reply().startswith(b"* BYE")
        with pytest.raises(Closed):
            one.reply()
    server.process.wait(30)
    assert server.process.returncode == 0
    assert not os.path.exists(os.path.join(server.dir, "run", "fumi.pid"))


def certificate(server):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.imaps), 30) as s:
        with context.wrap_socket(s, server_hostname="localhost") as t:
            return t.getpeercert(True)


def test_sighup_reloads_certificates_and_drops_nobody(own_server):
    server = own_server()
    c, t, p = server.raw(server.demo), server.raw(server.demo, tls=True), server.raw()
    old = certificate(server)
    tls = os.path.join(server.dir, "tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "30", "-subj", "/CN=new", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", f"{tls}/key.pem", "-out", f"{tls}/cert.pem"], check=True, capture_output=True)
    os.kill(server.pid, signal.SIGHUP)
    wait_for(lambda: certificate(server) != old)
    for one in (c, t, p):
        one.ok(b"NOOP")


def test_sighup_with_a_broken_file_changes_nothing(own_server):
    server = own_server()
    old = certificate(server)
    with open(server.info["conf"]) as f:
        text = f.read()
    with open(server.info["conf"], "w") as f:
        f.write(text + "[server]\nnonsense = 1\n")
    with open(os.path.join(server.dir, "tls", "cert.pem"), "w") as f:
        f.write("broken")
    os.kill(server.pid, signal.SIGHUP)
    wait_for(lambda: "config" in server.log() or "reload" in server.log())
    server.raw(server.demo).ok(b"NOOP")
    assert certificate(server) == old


def test_a_log_that_was_rotated_is_opened_anew(own_server):
    server = own_server("--set", "server/log-level=major")
    os.rename(server.info["log"], server.info["log"] + ".1")
    os.kill(server.pid, signal.SIGHUP)
    wait_for(lambda: os.path.exists(server.info["log"]))
    server.raw(server.demo)
    wait_for(lambda: "session" in server.log())


def test_two_servers_do_not_share_a_directory(own_server):
    server = own_server()
    r = subprocess.run([server.info["fumi"], "-c", server.info["conf"], "serve"], capture_output=True, text=True)
    assert r.returncode == 69 and "another server runs there" in r.stderr
    server.raw(server.demo).ok(b"NOOP")


def test_delivery_process_killed(own_server):
    """The message is there, or its sender is told to try again."""
    server = own_server()
    done = []
    stop = threading.Event()

    def deliver(n):
        i = 0
        while not stop.is_set():
            r = subprocess.run([server.info["fumi"], "-c", server.info["conf"], "deliver", "-d", server.demo.name],
                               input=message(f"d{n}-{i}"), capture_output=True)
            done.append((f"d{n}-{i}", r.returncode))
            i += 1
    threads = [threading.Thread(target=deliver, args=(n,)) for n in range(3)]
    for t in threads:
        t.start()
    for _ in range(5):
        n = len(done)
        wait_for(lambda: len(done) > n + 5)
        server.kill_those("fumi-delivery")
    stop.set()
    for t in threads:
        t.join()
    got = subjects(server, server.demo)
    assert {code for _, code in done} <= {0, 75}
    assert all(got[s] == 1 for s, code in done if code == 0)
    assert max(got.values()) == 1


def test_a_writer_that_told_nobody_is_noticed(own_server):
    """It died between its commit and telling: the hub looks at the log by itself. Here the writer has no hub."""
    server = own_server()
    c = server.raw(server.demo)
    assert c.append(b"INBOX", message("first")).startswith(b"OK")
    i = server.raw(server.demo)
    i.ok(b"SELECT INBOX")
    i.begin(b"IDLE")
    assert i.reply().startswith(b"+")
    m = message("silent")
    argv = [server.info["fumi"], "session", "--stdio", "--dir", "."]
    owner = os.stat(server.demo.dir).st_uid
    if owner != os.geteuid():
        argv = ["setpriv", f"--reuid={owner}", f"--regid={owner}", "--clear-groups", *argv]
    r = subprocess.run(argv, input=b"a APPEND INBOX {%d+}\r\n%s\r\nb LOGOUT\r\n" % (len(m), m), capture_output=True,
                       cwd=server.demo.dir)
    assert b"a OK" in r.stdout, r
    start = time.monotonic()
    while i.reply() != b"* 2 EXISTS":
        pass
    assert time.monotonic() - start < 20
