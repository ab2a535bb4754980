"""POP3 by real clients (curl, fetchmail, getmail, mutt), and by hand: who gets in how, and what is refused."""
import base64
import hashlib
import imaplib
import poplib
import re
import socket
import ssl
import struct
import subprocess

import pytest
from lines import Line
from serving import VECTORS, message, wait_for
from test_clients_mutt import run_mutt

SAMPLES = [1, 2, 3]  # of source001


def sample(i):
    with open(f"{VECTORS}/source001/{i}.eml", "rb") as f:
        return f.read()


@pytest.fixture
def filled(server, account):
    c = server.imaplib(account)
    for i in SAMPLES:
        c.append("INBOX", None, None, sample(i))
    c.logout()
    return account


def count(server, account):
    c = server.imaplib(account)
    n = int(c.select("INBOX", readonly=True)[1][0])
    c.logout()
    return n


def pop(server, account=None, tls=True):
    context = ssl.create_default_context(cafile=server.cert)
    p = poplib.POP3_SSL("localhost", server.ports["pop3s"], context=context, timeout=60) if tls else \
        poplib.POP3("127.0.0.1", server.ports["pop3"], timeout=60)
    if account is not None:
        p.user(account.name)
        p.pass_(account.password)
    return p


def lf(data):
    return data.replace(b"\r\n", b"\n")


# ---- clients ----

@pytest.mark.parametrize("scheme,options", [("pop3s", ()), ("pop3", ("--ssl-reqd",))])
def test_curl(server, filled, scheme, options):
    def run(path, *args, status=0, password=filled.password):
        r = subprocess.run(["curl", "-sS", "--max-time", "60", "--cacert", server.cert, *options, "-u",
                            f"{filled.name}:{password}", f"{scheme}://localhost:{server.ports[scheme]}/{path}", *args],
                           capture_output=True, timeout=90)
        assert r.returncode == status, r.stderr
        return r.stdout
    for i in SAMPLES:
        assert run(str(i)) == sample(i)
    sizes = [line.split() for line in run("").splitlines() if line != b"."]
    assert [(int(n), int(size)) for n, size in sizes] == [(i, len(sample(i))) for i in SAMPLES]
    ids = [line.split() for line in run("", "-X", "UIDL").splitlines() if line != b"."]
    p = pop(server, filled)
    assert ids == [line.split() for line in p.uidl()[1]]
    assert [n for n, _ in ids] == [b"%d" % i for i in SAMPLES] and len({uid for _, uid in ids}) == len(SAMPLES)
    p.quit()
    assert run("", "-X", "TOP 1 0").split(b"\r\n\r\n")[0] == sample(1).split(b"\r\n\r\n")[0]
    for mechanism in ("PLAIN", "LOGIN", "SCRAM-SHA-256"):
        if mechanism == "SCRAM-SHA-256" and b"SCRAM" not in subprocess.run(["curl", "-V"], capture_output=True).stdout:
            continue
        assert run("2", "--login-options", f"AUTH={mechanism}") == sample(2)
    run("1", status=67, password="wrong")


def test_fetchmail(server, filled, tmp_path):
    """Takes all of it, over STLS and over TLS, into a program; then nothing is left."""
    for proto, port, option in (("pop3", "pop3", "sslproto TLS1.2+"), ("pop3", "pop3s", "ssl")):
        out = tmp_path / port
        out.mkdir()
        mda = tmp_path / "mda"
        mda.write_text(f"#!/bin/sh\ncat >{out}/$$\n")
        mda.chmod(0o755)
        rc = tmp_path / "fetchmailrc"
        rc.write_text(f"""
poll localhost proto {proto} port {server.ports[port]} timeout 60 uidl
  user "{filled.name}" password "{filled.password}" {option} sslcertck sslcertfile "{server.cert}"
  {"keep" if port == "pop3" else "nokeep fetchall"} no rewrite mda "{mda}"
""")
        rc.chmod(0o600)
        r = subprocess.run(["fetchmail", "-f", str(rc), "--nodetach", "-v", "--pidfile", str(tmp_path / "pid"),
                            "-i", str(tmp_path / port) + ".ids"],
                           capture_output=True, text=True, timeout=120, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
        assert r.returncode == 0, r.stdout + r.stderr
        bodies = sorted(p.read_bytes().split(b"\n\n", 1)[1].strip() for p in out.iterdir())
        assert bodies == sorted(lf(sample(i)).split(b"\n\n", 1)[1].strip() for i in SAMPLES)
        assert count(server, filled) == (len(SAMPLES) if port == "pop3" else 0)


def test_getmail(server, filled, tmp_path):
    """Leaves it on the server: a second run finds nothing new, by UIDL, also when other mail came meanwhile."""
    mails = tmp_path / "mails"
    mails.mkdir()
    mda = tmp_path / "mda"
    mda.write_text(f"#!/bin/sh\ncat >{mails}/$$\n")
    mda.chmod(0o755)
    (tmp_path / "rc").write_text(f"""
[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = {server.ports["pop3s"]}
username = {filled.name}
password = {filled.password}
ca_certs = {server.cert}
[destination]
type = MDA_external
path = {mda}
unixfrom = false
allow_root_commands = true
[options]
read_all = false
delete = false
delivered_to = false
received = false
verbose = 2
""")
    def run():
        r = subprocess.run(["getmail", "--getmaildir", str(tmp_path), "--rcfile", "rc"], capture_output=True, text=True,
                           timeout=120)
        assert r.returncode == 0, r.stdout + r.stderr
        return len(list(mails.iterdir()))
    assert run() == len(SAMPLES)
    assert run() == len(SAMPLES)
    c = server.imaplib(filled)
    c.append("INBOX", None, None, message("later"))
    c.select("INBOX")
    c.store("1", "+FLAGS", "\\Deleted")
    c.expunge()
    c.logout()
    assert run() == len(SAMPLES) + 1
    texts = [lf(p.read_bytes()) for p in mails.iterdir()]
    assert all(any(lf(sample(i)).split(b"\n\n", 1)[1] in t for t in texts) for i in SAMPLES)


def test_mutt(server, account, tmp_path):
    """Reads one, deletes another, over TLS.

    Debian's mutt chooses SCRAM-SHA-256-PLUS but cannot bind to TLS 1.3, gives up with "*" and does not read the answer,
    so that it is one answer behind from then on: it has to be told which mechanism to use."""
    c = server.imaplib(account)
    for name in ("first", "second", "third"):
        c.append("INBOX", None, None, message(name, f"This is the {name}.\r\n"))
    c.logout()
    out = tmp_path / "piped"
    run_mutt(server, tmp_path, f"""
set pop_user="{account.name}" pop_pass="{account.password}" pop_delete=yes pop_checkinterval=0
set pop_authenticators="scram-sha-256"
""", f"pops://localhost:{server.ports['pop3s']}/",
             f"1<enter><search>third<enter><pipe-message>cat >{out}<enter>"
             "1<enter><search>second<enter><delete-message><sync-mailbox><quit>")
    assert b"This is the third." in out.read_bytes()
    wait_for(lambda: count(server, account) == 2)
    c = server.imaplib(account)
    c.select("INBOX")
    assert c.search(None, "SUBJECT", "second")[1] == [b""]
    c.logout()


# ---- by hand ----

def test_capa_agrees(server, account):
    """What may not differ before and after login does not (RFC 2449 section 6), over TLS and without."""
    for tls in (True, False):
        p = pop(server, tls=tls)
        before = p.capa()
        p.user(account.name)
        p.pass_(account.password)
        after = p.capa()
        p.quit()
        before.pop("STLS", None)  # before login only: RFC 2595
        after.pop("STLS", None)
        assert before == after
        assert {"TOP", "UIDL", "USER", "SASL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "UTF8", "LANG", "EXPIRE",
                "IMPLEMENTATION"} <= set(after)


def test_wrong_password_then_right(server, account):
    p = pop(server)
    p.user(account.name)
    with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\]"):
        p.pass_("wrong")
    p.user(account.name)
    assert p.pass_(account.password).startswith(b"+OK")
    assert p.stat() == (0, 0)
    p.quit()


def test_sasl(server, account):
    c = Line(server)
    secret = base64.b64encode(b"\0%s\0%s" % (account.name.encode(), account.password.encode()))
    assert c.say(b"AUTH PLAIN") == b"+ "
    assert c.say(b"*").startswith(b"-ERR")
    assert c.say(b"AUTH PLAIN " + secret).startswith(b"+OK")
    assert c.say(b"STAT") == b"+OK 0 0"


def test_pipelined_through_the_hand_over(server, filled):
    c = Line(server)
    c.send(f"USER {filled.name}\r\nPASS {filled.password}\r\nSTAT\r\nNOOP\r\nQUIT\r\n".encode())
    answers = [c.line() for _ in range(5)]
    assert all(a.startswith(b"+OK") for a in answers)
    assert answers[2] == b"+OK %d %d" % (len(SAMPLES), sum(len(sample(i)) for i in SAMPLES))


def test_what_is_sent_before_tls_is_dropped(server, account):
    c = Line(server)
    assert c.say(f"STLS\r\nUSER {account.name}\r\nPASS {account.password}").startswith(b"+OK")
    c.begin_tls()
    assert c.say("PASS x").startswith(b"-ERR USER")  # nothing of it was taken
    assert c.got == b""


def test_bad_input(server):
    c = Line(server)
    assert c.say(b"US\0ER x").startswith(b"-ERR")
    assert c.say(b"X" * 20000).startswith(b"-ERR")
    for _ in range(48):
        assert c.say("XYZZY").startswith(b"-ERR")
    assert c.say("XYZZY").startswith(b"-ERR Too many")
    with pytest.raises(EOFError):
        c.line()


def test_silence_ends(own_server):
    """A client that sends a byte now and then does not stay for ever, and is told nothing."""
    server = own_server("--set", "gate/login-timeout=1s")
    c = Line(server)
    c.send(b"US")
    with pytest.raises(EOFError):
        c.line()


def test_attempts(own_server):
    server = own_server("--set", "gate/login-attempts=2")
    c = Line(server)
    for _ in range(2):
        assert c.say("USER demo@example.org").startswith(b"+OK")
        assert c.say("PASS x").startswith(b"-ERR [AUTH]")
    with pytest.raises(EOFError):
        c.line()


def test_cleartext_is_refused(own_server):
    server = own_server("--set", "auth/cleartext=never")
    c = Line(server)
    assert c.say("USER demo@example.org").startswith(b"-ERR [AUTH]")
    c.begin_tls() if c.say("STLS").startswith(b"+OK") else None
    assert c.say("USER demo@example.org").startswith(b"+OK")
    assert c.say("PASS demo").startswith(b"+OK")


def test_only_some_services(server, account):
    """An account that may not use POP3 is told so only when it has shown its password."""
    server.fumi("account", "services", "imap,sieve", account.name)
    server.imaplib(account).logout()
    p = pop(server)
    p.user(account.name)
    with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\] this account may not use this service"):
        p.pass_(account.password)
    server.fumi("account", "services", "pop3", account.name)
    with pytest.raises(imaplib.IMAP4.error, match="AUTHORIZATIONFAILED"):
        server.imaplib(account)
    pop(server, account).quit()


def test_apop(own_server):
    server = own_server("--set", "pop3/apop=yes")
    server.fumi("account", "add", "--scheme", "plain", "sengoku@example.org", input=b"secret_password\n")
    p = pop(server, tls=False)
    # [server] hostname is empty: it is the system's
    assert re.search(rb" <[0-9a-f]{32}@([!-;=?-~]+)>", p.welcome)[1].decode() == socket.gethostname()
    assert p.apop("sengoku@example.org", "secret_password").startswith(b"+OK")
    p.quit()
    c = Line(server)
    challenge = c.greeting[c.greeting.index(b"<"):]
    digest = hashlib.md5(challenge + b"demo").hexdigest()
    # the password of this one is not stored as it is
    assert c.say(f"APOP demo@example.org {digest}").startswith(b"-ERR [AUTH]")
    # a challenge counts for its own connection only
    other = Line(server)
    digest = hashlib.md5(challenge + b"secret_password").hexdigest()
    assert other.say(f"APOP sengoku@example.org {digest}").startswith(b"-ERR [AUTH]")
    assert c.say(f"APOP sengoku@example.org {digest}").startswith(b"+OK")


# ---- clients that go away ----

@pytest.mark.parametrize("options", [(), ("--set", "pop3/hide-seen=yes")])
def test_broken_off_in_a_message(own_server, options):
    """A message that did not arrive is neither seen nor hidden."""
    server = own_server("--set", "pop3/mark-seen=yes", *options)
    c = server.imaplib(server.demo)
    c.append("INBOX", None, None, message("large", "x" * 76 + ("\r\n" + "y" * 76) * 400000))
    c.logout()
    c = Line(server)
    c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets
    assert c.say("USER demo@example.org").startswith(b"+OK") and c.say("PASS demo") == b"+OK 1 messages"
    assert c.say("RETR 1").startswith(b"+OK")
    c.send(b"NOOP\r\nQUIT\r\n")
    assert c.socket.recv(65536)
    c.socket.close()
    wait_for(lambda: re.search("session-end.*why=closed", server.log()))
    c = server.imaplib(server.demo)
    c.select("INBOX")
    assert c.search(None, "SEEN")[1] == [b""]
    c.logout()
    assert pop(server, server.demo).stat()[0] == 1


def test_quit_that_nobody_hears(server, account):
    """Answers before it that cannot be sent: then nothing is removed (RFC 1939 section 6)."""
    c = server.imaplib(account)
    c.append("INBOX", None, None, message("stays"))
    c.logout()
    with subprocess.Popen([server.info["fumi"], "session", "--stdio", "--dir", account.dir, "--protocol", "pop3"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as s:
        assert s.stdout.readline() == b"+OK 1 messages\r\n"
        s.stdout.close()
        s.stdin.write(b"RETR 1\r\nDELE 1\r\nQUIT\r\n")
    assert pop(server, account).stat()[0] == 1
