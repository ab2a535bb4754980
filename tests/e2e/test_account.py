"""fumi account, with a running server and without."""
import base64
import hashlib
import hmac
import json
import os
import pty
import secrets
import ssl
import subprocess
import time

import pytest

import serving

FUMI = os.path.join(serving.BUILD, "fumi")


@pytest.fixture
def conf(tmp_path):
    """A configuration nobody serves."""
    tmp_path.chmod(0o755)
    path = tmp_path / "fumi.conf"
    path.write_text(f"[server]\nstate-dir = {tmp_path}/state\nrun-dir = {tmp_path}/run\n")
    return path


def account(conf, *args, password=None):
    stdin = {"stdin": subprocess.DEVNULL} if password is None else {"input": password}
    return subprocess.run([FUMI, "-c", str(conf), "account", *args], capture_output=True, text=True, **stdin)


def names(conf):
    return {a["name"]: a for a in json.loads(account(conf, "list", "--json").stdout)}


def test_without_server(conf):
    assert names(conf) == {}
    assert account(conf, "add", "--scheme", "plain", "Demo@Example.org", "b@x", password="pw\n").returncode == 0
    got = names(conf)
    assert set(got) == {"demo@example.org", "b@x"}
    assert got["b@x"]["path"] == "x/b" and not got["b@x"]["disabled"]
    assert got["b@x"]["uid"] != got["demo@example.org"]["uid"]
    assert account(conf, "disable", "b@x").returncode == 0
    assert names(conf)["b@x"]["disabled"]
    assert "disabled" in account(conf, "list").stdout
    assert account(conf, "enable", "b@x").returncode == 0
    assert not names(conf)["b@x"]["disabled"]
    assert names(conf)["b@x"]["services"] == ["imap", "pop3", "sieve"]
    for wish, got in (("pop3", ["pop3"]), ("sieve,imap", ["imap", "sieve"]), ("none", []),
                      ("all", ["imap", "pop3", "sieve"])):
        assert account(conf, "services", wish, "b@x").returncode == 0
        assert names(conf)["b@x"]["services"] == got
    assert account(conf, "remove", "b@x").returncode == 0
    assert set(names(conf)) == {"demo@example.org"}
    assert os.stat(conf.parent / "state" / "auth").st_mode & 0o777 == 0o700


@pytest.mark.parametrize("args, password, status, text", [
    (["add", "demo@x"], "pw\n", 65, "already"),
    (["add", "new@x", "demo@x"], "pw\n", 65, "already"),
    (["add", "a b@x"], "pw\n", 65, "not a name"),
    (["add", "new@x"], "\n", 65, "no password"),
    (["add", "new@x"], "x" * 600 + "\n", 65, "too long"),
    (["passwd", "nobody@x"], "pw\n", 67, "no such account"),
    (["remove", "demo@x", "nobody@x"], None, 67, "nobody@x"),
    (["disable", "nobody@x"], None, 67, "no such account"),
    (["services", "imap", "nobody@x"], None, 67, "no such account"),
    (["services", "imap,smtp", "demo@x"], None, 64, "usage"),
    (["services", "imap"], None, 64, "usage"),
    (["add"], "pw\n", 64, "usage"),
    (["add", "--scheme", "md5", "new@x"], "pw\n", 64, "usage"),
    (["remove", "--scheme", "plain", "demo@x"], None, 64, "usage"),
    (["list", "demo@x"], None, 64, "usage"),
    (["what"], None, 64, "usage"),
])
def test_errors(conf, args, password, status, text):
    assert account(conf, "add", "--scheme", "plain", "demo@x", password="pw\n").returncode == 0
    r = account(conf, *args, password=password)
    assert r.returncode == status and text in r.stderr
    assert set(names(conf)) == {"demo@x"}  # all or none


def test_prompt(conf):
    """Asked twice, nothing shown."""
    def add(first, second):
        pid, fd = pty.fork()
        if pid == 0:
            os.execv(FUMI, [FUMI, "-c", str(conf), "account", "add", "--scheme", "plain", "p@x"])
        shown = b""
        for prompt, typed in ((b"Password: ", first), (b"Again: ", second)):
            while not shown.endswith(prompt):
                shown += os.read(fd, 100)
            time.sleep(0.1)  # echo is turned off before or after the prompt is seen
            os.write(fd, typed + b"\n")
        try:
            while data := os.read(fd, 100):
                shown += data
        except OSError:
            pass
        os.close(fd)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown
    status, shown = add(b"secret", b"secrets")
    assert status == 65 and b"not the same" in shown
    status, shown = add(b"secret", b"secret")
    assert status == 0 and b"secret" not in shown
    assert set(names(conf)) == {"p@x"}


def test_many(conf):
    wanted = [f"u{i}@bench" for i in range(1000)]
    start = time.monotonic()
    assert account(conf, "add", "--scheme", "plain", *wanted, password="pw\n").returncode == 0
    assert time.monotonic() - start < 30
    assert set(names(conf)) == set(wanted)


def test_with_server(own_server):
    server = own_server()
    conf = server.info["conf"]
    assert account(conf, "add", "new@x.org", password="first\n").returncode == 0
    assert "new@x.org" in names(conf)
    new = serving.Account(server, "new@x.org", "first")

    def login(password):
        with serving.imaplib.IMAP4("127.0.0.1", server.imap) as m:
            try:
                return m.login(new.name, password)[0]
            except serving.imaplib.IMAP4.error as e:
                return str(e)
    assert login("first") == "OK"
    assert login("first") == "OK"  # remembered
    m = serving.imaplib.IMAP4("127.0.0.1", server.imap)
    m.login(new.name, "first")
    assert account(conf, "passwd", new.name, password="second\n").returncode == 0
    with pytest.raises((serving.imaplib.IMAP4.abort, OSError)):  # its sessions are ended
        for _ in range(100):
            m.noop()
            time.sleep(0.05)
    m.sock.close()
    assert "AUTHENTICATIONFAILED" in login("first")
    assert login("second") == "OK"
    assert account(conf, "disable", new.name).returncode == 0
    assert "CONTACTADMIN" in login("second")
    assert account(conf, "enable", new.name).returncode == 0
    assert login("second") == "OK"
    assert account(conf, "remove", new.name).returncode == 0
    assert "AUTHENTICATIONFAILED" in login("second")
    assert account(conf, "add", new.name, new.name, password="x\n").returncode == 65
    assert new.name not in names(conf)


@pytest.mark.skipif(not serving.others_can_run(), reason="needs root and a clone that others can get to")
def test_not_allowed(own_server, tmp_path):
    """Another user gets nothing out of the socket, nor of the files."""
    server = own_server()
    r = subprocess.run([FUMI, "-c", server.info["conf"], "account", "list"], user=65534, group=65534, extra_groups=[],
                       capture_output=True, text=True)
    assert r.returncode in (66, 77, 78) and r.stdout == ""


def scram(user, password, hash_name, header, binding):
    """RFC 5802 by imaplib; what the server says at the end is checked too."""
    said = {}

    def answer(challenge):
        if not said:
            said["bare"] = f"n={user},r={secrets.token_hex(12)}"
            return header + said["bare"]
        if "server" in said:
            assert challenge == b"v=" + base64.b64encode(said["server"])
            return b""
        first = challenge.decode()
        nonce, salt, rounds = (x[2:] for x in first.split(","))
        salted = hashlib.pbkdf2_hmac(hash_name, password.encode(), base64.b64decode(salt), int(rounds))
        key = hmac.digest(salted, b"Client Key", hash_name)
        without = f"c={base64.b64encode(header.encode() + binding).decode()},r={nonce}"
        message = f"{said['bare']},{first},{without}".encode()
        signature = hmac.digest(hashlib.new(hash_name, key).digest(), message, hash_name)
        said["server"] = hmac.digest(hmac.digest(salted, b"Server Key", hash_name), message, hash_name)
        proof = bytes(a ^ b for a, b in zip(key, signature))
        return f"{without},p={base64.b64encode(proof).decode()}"
    return answer


@pytest.mark.parametrize("mechanism, hash_name, plus", [
    ("SCRAM-SHA-256", "sha256", False), ("SCRAM-SHA-1", "sha1", False),
    ("SCRAM-SHA-256-PLUS", "sha256", True), ("SCRAM-SHA-1-PLUS", "sha1", True)])
def test_scram(server, mechanism, hash_name, plus):
    context = ssl.create_default_context(cafile=server.cert)
    context.check_hostname = False

    def login(password, spoil=b""):
        with serving.imaplib.IMAP4_SSL("127.0.0.1", server.imaps, ssl_context=context) as m:
            assert f"AUTH={mechanism}" in m.capabilities
            end_point = hashlib.sha256(m.sock.getpeercert(True)).digest() + spoil
            header, binding = ("p=tls-server-end-point,,", end_point) if plus else ("n,,", b"")
            try:
                return m.authenticate(mechanism, scram(server.demo.name, password, hash_name, header, binding))[0]
            except serving.imaplib.IMAP4.error as e:
                return str(e)
    assert login(server.demo.password) == "OK"
    assert "AUTHENTICATIONFAILED" in login("wrong")
    if plus:
        assert "AUTHENTICATIONFAILED" in login(server.demo.password, b"x")
    assert login(server.demo.password) == "OK"


@pytest.mark.parametrize("running", [True, False])
def test_remove_and_add_again(own_server, running):
    """The next one of that name is somebody else: he has no mail, and gets in."""
    s = own_server()
    a = s.account()
    c = s.raw(a)
    assert c.append(b"INBOX", serving.message("private")).startswith(b"OK")
    c.close()
    if not running:
        s.close()
    said = s.fumi("account", "remove", a.name).decode()
    aside = said.split(" is in ")[1].removesuffix(" now.\n")
    assert "/removed/example.org/" in aside and os.listdir(os.path.join(aside, "log"))
    assert not os.path.exists(a.dir)
    s.fumi("account", "add", a.name, input=b"another\n")
    if running:
        c = s.raw(serving.Account(s, a.name, "another"))
        assert b"* 0 EXISTS" in c.ok(b"SELECT INBOX")
        c.close()


def test_add_where_mail_is(own_server):
    """It may be an earlier account's whose mail could not be moved: nobody gets it by his name."""
    s = own_server()
    os.makedirs(os.path.join(s.dir, "state", "accounts", "example.org", "left"))
    said = s.fumi("account", "add", "left@example.org", input=b"x\n", status=os.EX_CANTCREAT)
    assert b"accounts/example.org/left; move it away" in said
    assert b"left@" not in s.fumi("account", "list")
