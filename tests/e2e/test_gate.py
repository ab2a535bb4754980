"""The gate of a whole server: TLS of real clients, SASL, limits before login, reload, the relay, and what a connection
costs."""
import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest

import serving
from serving import Closed, message, wait_for


def s_client(server, *options, starttls=False):
    """What openssl prints of a connection that says LOGOUT."""
    port = server.imap if starttls else server.imaps
    argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-crlf", "-ign_eof", "-CAfile", server.cert,
            *options]
    if starttls:
        argv += ["-starttls", "imap"]
    return subprocess.run(argv, input=b"a LOGOUT\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60).stdout.decode(errors="replace")


@pytest.mark.parametrize("version", ["1_2", "1_3"])
@pytest.mark.parametrize("starttls", [False, True])
def test_openssl(server, version, starttls):
    out = s_client(server, f"-tls{version}", "-alpn", "imap", starttls=starttls)
    assert f"TLSv{version.replace('_', '.')}" in out and "Verify return code: 0" in out, out
    assert "ALPN protocol: imap" in out and "a OK" in out, out


def test_old_tls_is_refused(server):
    out = s_client(server, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert "a OK" not in out and "Cipher is (NONE)" in out, out


def test_no_renegotiation(server):
    argv = ["openssl", "s_client", "-connect", f"127.0.0.1:{server.imaps}", "-tls1_2", "-msg"]
    p = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        def read_until(what):
            out = b""
            while what not in out:
                d = os.read(p.stdout.fileno(), 4096)
                assert d, out
                out += d
        read_until(b"* OK")  # in the middle of a handshake the greeting is an error of the client's
        p.stdin.write(b"R\n")
        p.stdin.flush()
        read_until(b"no_renegotiation")
    finally:
        p.kill()
        p.communicate()


def test_starttls_discards_plain_input(server):
    s = socket.create_connection(("127.0.0.1", server.imap), 30)
    f = s.makefile("rb", buffering=0)
    assert f.readline().startswith(b"* OK")
    s.sendall(b"a STARTTLS\r\nb LOGIN nobody nothing\r\nc NOOP\r\n")
    line = b""
    while not line.endswith(b"\n"):
        line += s.recv(1)
    assert line.startswith(b"a OK")
    context = ssl.create_default_context(cafile=server.cert)
    t = context.wrap_socket(s, server_hostname="localhost")
    t.sendall(b"d NOOP\r\n")
    assert t.recv(100).startswith(b"d OK")
    t.close()


# ---- SASL ----

def b64(data):
    return base64.b64encode(data)


def scram(raw, account, hash, binding=None):
    """SCRAM (RFC 5802, RFC 7677) by hand; binding: bytes of tls-server-end-point. The tagged answer."""
    name = f"SCRAM-{'SHA-256' if hash == 'sha256' else 'SHA-1'}{'-PLUS' if binding else ''}".encode()
    gs2 = b"p=tls-server-end-point,," if binding else b"n,,"
    first = b"n=" + account.name.encode() + b",r=clientnonce"
    raw.send(b"s AUTHENTICATE " + name + b" " + b64(gs2 + first) + b"\r\n")
    reply = raw.reply()
    if not reply.startswith(b"+ "):
        return reply
    challenge = base64.b64decode(reply[2:])
    fields = dict(f.split(b"=", 1) for f in challenge.split(b","))
    assert fields[b"r"].startswith(b"clientnonce") and len(fields[b"r"]) > 20
    salted = hashlib.pbkdf2_hmac(hash, account.password.encode(), base64.b64decode(fields[b"s"]), int(fields[b"i"]))
    key = hmac.digest(salted, b"Client Key", hash)
    final = b"c=" + b64(gs2 + (binding or b"")) + b",r=" + fields[b"r"]
    auth = first + b"," + challenge + b"," + final
    proof = bytes(a ^ b for a, b in zip(key, hmac.digest(hashlib.new(hash, key).digest(), auth, hash)))
    raw.send(b64(final + b",p=" + b64(proof)) + b"\r\n")
    reply = raw.reply()
    if reply.startswith(b"+ "):
        want = b"v=" + b64(hmac.digest(hmac.digest(salted, b"Server Key", hash), auth, hash))
        assert base64.b64decode(reply[2:]) == want
        raw.send(b"\r\n")
        reply = raw.reply()
    return reply


@pytest.mark.parametrize("hash", ["sha1", "sha256"])
@pytest.mark.parametrize("tls", [False, True])
def test_scram(server, account, hash, tls):
    raw = server.raw(tls=tls)
    assert scram(raw, account, hash).startswith(b"s OK")
    raw.ok(b"SELECT INBOX")


def end_point(raw):
    return hashlib.sha256(raw.socket.getpeercert(binary_form=True)).digest()


def test_scram_plus(server, account):
    raw = server.raw(tls=True)
    assert scram(raw, account, "sha256", end_point(raw)).startswith(b"s OK")
    raw.ok(b"NOOP")
    raw = server.raw(tls=True)
    assert scram(raw, account, "sha256", bytes(32)).startswith(b"s NO")
    raw.command(b"NOOP")
    raw = server.raw()
    assert scram(raw, account, "sha256", bytes(32)).startswith(b"s NO")


def test_authenticate_plain_in_all_forms(server, account):
    response = b64(b"\0" + account.name.encode() + b"\0" + account.password.encode())
    raw = server.raw(tls=True)
    raw.send(b"a AUTHENTICATE PLAIN\r\n")
    assert raw.reply() == b"+ "
    raw.send(b"*\r\n")
    assert raw.reply().startswith(b"a BAD")
    raw.send(b"b AUTHENTICATE plain\r\n")
    assert raw.reply() == b"+ "
    raw.send(response + b"\r\nc SELECT INBOX\r\n")
    assert raw.reply().startswith(b"b OK [CAPABILITY")
    assert raw.end(b"c")[1].startswith(b"OK")
    raw = server.raw(tls=True)
    raw.send(b"a AUTHENTICATE PLAIN " + response + b"\r\n")
    assert raw.reply().startswith(b"a OK")


def test_wrong_password_and_then_right(server, account):
    raw = server.raw(tls=True)
    _, status = raw.command(b"LOGIN " + account.name.encode() + b" wrong")
    assert status.startswith(b"NO [AUTHENTICATIONFAILED]")
    raw.ok(b'LOGIN %s "%s"' % (account.name.encode(), account.password.encode()))


@pytest.mark.parametrize("user,authzid,code", [
    (b"\xff\xfe", b"\xff\xfe", b"AUTHENTICATIONFAILED"), (b"\xff\xfe", b"", b"AUTHENTICATIONFAILED"),
    (b"demo@example.org", b"Demo@Example.org", b"AUTHENTICATIONFAILED"),
    (b"demo@example.org", b"other@example.org", b"AUTHORIZATIONFAILED"),
    (b"\xff\xfe", b"\xff", b"AUTHORIZATIONFAILED"),
])
def test_who_acts_for_whom(server, user, authzid, code):
    """Who says one name twice acts for nobody else, though it is no name at all."""
    raw = server.raw(tls=True)
    _, status = raw.command(b"AUTHENTICATE PLAIN " + b64(b"\0".join((authzid, user, b"wrong"))))
    assert status.startswith(b"NO [" + code + b"]")


# ---- limits ----

def held_now(server):
    """Connections that the one gate has, besides what it always has."""
    pid = server.processes("fumi-gate")[0]
    n = sum(os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:") for fd in os.listdir(f"/proc/{pid}/fd"))
    return n - 3 - len(server.ports) + 1  # master, auth, hub, the listeners but LMTP's


def test_limits_before_login(own_server):
    server = own_server("--set", "gate/login-attempts=2", "--set", "gate/login-timeout=2s", "--set",
                        "gate/connections-per-address=3", "--set", "server/gates=1", "--set", "gate/login-bytes=16K")
    raw = server.raw()
    for n in range(2):
        _, status = raw.command(b"LOGIN demo@example.org wrong")
        assert status.startswith(b"NO [AUTHENTICATIONFAILED]")
    assert raw.reply().startswith(b"* BYE")
    with pytest.raises(Closed):
        raw.fill()

    raw.close()
    wait_for(lambda: held_now(server) == 0)
    held = [server.raw() for _ in range(3)]
    assert server.raw().greeting.startswith(b"* BYE [UNAVAILABLE]")
    began = time.monotonic()
    while time.monotonic() - began < 1.5:  # slowly typing
        held[0].send(b"x")
        time.sleep(0.2)
    for h in held:
        assert h.reply().startswith(b"* BYE Login took too long")
    wait_for(lambda: server.raw().greeting.startswith(b"* OK"))

    raw = server.raw()
    with pytest.raises((Closed, OSError)):
        for _ in range(100):
            raw.send(b"x" * 4096)
            time.sleep(0.01)
        raw.fill()
        raw.fill()
    server.close()


# ---- life ----

def make_certificate(directory, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout",
                    f"{directory}/{name}.key", "-out", f"{directory}/{name}.pem"], check=True, capture_output=True)


def peer_name(server, sni):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.imaps), 30) as s:
        with context.wrap_socket(s, server_hostname=sni) as t:
            pem = ssl.DER_cert_to_PEM_cert(t.getpeercert(binary_form=True))
    return subprocess.run(["openssl", "x509", "-noout", "-subject"], input=pem, text=True, capture_output=True,
                          check=True).stdout.strip().rsplit("= ", 1)[1]


def test_names_and_reload(own_server, tmp_path):
    make_certificate(tmp_path, "other.example")
    server = own_server("--set", f"certificate other/certificate={tmp_path}/other.example.pem", "--set",
                        f"certificate other/key={tmp_path}/other.example.key")
    assert peer_name(server, "other.example") == "other.example"
    assert peer_name(server, "elsewhere.example") == "localhost"
    old = server.raw(server.demo, tls=True)
    make_certificate(tmp_path, "new.example")
    shutil.copy(tmp_path / "new.example.pem", f"{server.dir}/tls/cert.pem")
    shutil.copy(tmp_path / "new.example.key", f"{server.dir}/tls/key.pem")
    os.kill(server.pid, signal.SIGHUP)
    wait_for(lambda: peer_name(server, "elsewhere.example") == "new.example")
    assert peer_name(server, "other.example") == "other.example"
    old.ok(b"NOOP")
    # one that is broken changes nothing
    with open(f"{server.dir}/tls/cert.pem", "w") as f:
        f.write("no certificate")
    os.kill(server.pid, signal.SIGHUP)
    time.sleep(0.5)
    assert peer_name(server, "elsewhere.example") == "new.example"
    old.ok(b"NOOP")
    server.close()


def test_stop_says_bye_to_all(own_server):
    server = own_server()
    before = [server.raw(), server.raw(tls=True)]
    after = [server.raw(server.demo), server.raw(server.demo, tls=True)]
    server.process.terminate()
    for c in before + after:
        assert c.reply().startswith(b"* BYE")
        with pytest.raises(Closed):
            c.fill()
    assert server.process.wait(30) == 0


def test_the_gate_is_behind_its_walls(server):
    for pid in server.processes("fumi-gate"):
        assert serving.process_status(pid, "NoNewPrivs") == 1
        assert serving.process_status(pid, "Seccomp") == 2
        assert serving.process_status(pid, "CapEff") == 0


# ---- relay ----

@pytest.mark.parametrize("tls", [False, True])
def test_much_in_both_directions(server, account, tls):
    """Pipelined, so that something waits everywhere."""
    text = os.urandom(3 << 20).hex().encode()
    body = b"\r\n".join(text[i:i + 76] for i in range(0, len(text), 76))
    mail = message("large", "x").replace(b"\r\nx\r\n", b"\r\n" + body + b"\r\n")
    c = server.raw(account, tls=tls)
    assert c.append(b"INBOX", mail).startswith(b"OK")
    c.ok(b"SELECT INBOX")
    # from this thread: OpenSSL lets only one at a time use a connection
    c.send(b"".join(b"f%d FETCH 1 BODY.PEEK[]\r\n" % i for i in range(5)))
    for i in range(5):
        untagged, status = c.end(b"f%d" % i)
        assert status.startswith(b"OK") and body in untagged[0]
    c.close()


def test_the_session_reads_later(server, account):
    """The client has sent everything and waits; the session was busy meanwhile."""
    c = server.raw(account, tls=True)
    c.ok(b"NOOP")
    session = next(r["pid"] for r in json.loads(server.fumi("top", "--json")) if r["account"] == account.name)
    mail = message("late", "x" * 60 + "\r\n" + ("y" * 70 + "\r\n") * 6000)
    c.tags += 1
    os.kill(session, signal.SIGSTOP)
    c.send(b"t%d APPEND INBOX {%d+}\r\n%s\r\n" % (c.tags, len(mail), mail))
    time.sleep(0.5)
    os.kill(session, signal.SIGCONT)
    c.socket.settimeout(10)
    assert c.end(b"t%d" % c.tags)[1].startswith(b"OK")
    c.close()


@pytest.mark.parametrize("protocol,commands", [
    ("imap", "a LOGIN {0.name} \"{0.password}\"\r\nb LOGOUT\r\n"),
    ("pop3", "USER {0.name}\r\nPASS {0.password}\r\nQUIT\r\n"),
    ("sieve", "AUTHENTICATE \"PLAIN\" \"{1}\"\r\nLOGOUT\r\n"),
])
def test_what_follows_the_end_is_read_away(server, account, protocol, commands):
    """Closing with input that nobody has read would send a reset, which may overtake the last words."""
    secret = base64.b64encode(b"\0%s\0%s" % (account.name.encode(), account.password.encode())).decode()
    with socket.create_connection(("127.0.0.1", server.ports[protocol]), 60) as s:
        s.sendall(commands.format(account, secret).encode() + b"NOOP\r\n" * 30000)
        got = bytearray()
        while data := s.recv(65536):
            got += data
    last = {"imap": rb"\r\nb OK .*\r\n$", "pop3": rb"\r\n\+OK Good bye\r\n$", "sieve": rb"\r\nOK.*\r\n$"}
    assert re.search(last[protocol], got)


def test_half_closed(server, account):
    """All commands, then the end of them: all answers come."""
    with socket.create_connection(("127.0.0.1", server.imap), 30) as s:
        s.sendall(b'a LOGIN %s "%s"\r\nb SELECT INBOX\r\nc NOOP\r\n' % (account.name.encode(),
                                                                       account.password.encode()))
        s.shutdown(socket.SHUT_WR)
        out = b""
        while d := s.recv(65536):
            out += d
    for tag in (b"a", b"b", b"c"):
        assert b"\r\n" + tag + b" OK" in out


# ---- what it costs ----

def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return int(f.read().split("Pss:")[1].split()[0])


def cpu(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_what_has_ended_is_not_counted(own_server):
    """Though its client has not closed the connection."""
    s = own_server("--set", "session/per-account=3")
    clients = []
    for _ in range(8):
        clients.append(s.raw(s.demo))
        clients[-1].command(b"LOGOUT")
    for c in clients:
        c.close()


def test_no_pacing_on_this_machine(server, account):
    """Whatever the kernel does by default."""
    if shutil.which("ss") is None:
        pytest.skip("no ss here")
    c = server.raw(account)
    said = subprocess.run(["ss", "-tinH", f"sport = :{server.imap}"], capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in said.splitlines() if "cwnd" in line]
    assert lines and all("reno" in line for line in lines), said
    c.close()


def test_idle_tls_is_small(own_server, record_property):
    """A connection with TLS that waits, before login so that nothing but the gate counts."""
    server = own_server("--set", "server/gates=1")
    gate = server.processes("fumi-gate")[0]
    warm = [server.raw(tls=True) for _ in range(20)]
    before = pss(gate)
    more = [server.raw(tls=True) for _ in range(200)]
    each = (pss(gate) - before) / len(more)
    print(f"an idle connection with TLS: {each:.1f} KiB")
    assert each < 40
    for c in warm + more:
        c.close()
    wait_for(lambda: server.raw().greeting)
    server.close()
