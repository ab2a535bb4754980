"""POP3 and ManageSieve before login, against whole servers: SCRAM with and without TLS, attacks, limits, and what goes
on from before login to after it."""
import base64
import hashlib
import hmac
import time

import pytest
from lines import Line
from serving import wait_for


def b64(data):
    return base64.b64encode(data)


class Scram:
    """A client of RFC 5802 and RFC 7677; binding: bytes of tls-server-end-point."""

    def __init__(self, account, hash, binding=None):
        self.account, self.hash, self.binding = account, hash, binding
        self.name = f"SCRAM-{'SHA-256' if hash == 'sha256' else 'SHA-1'}{'-PLUS' if binding else ''}".encode()
        self.gs2 = b"p=tls-server-end-point,," if binding else b"n,,"
        self.first = b"n=" + account.name.encode() + b",r=clientnonce"

    def initial(self):
        return b64(self.gs2 + self.first)

    def answer(self, challenge):
        challenge = base64.b64decode(challenge)
        fields = dict(f.split(b"=", 1) for f in challenge.split(b","))
        salted = hashlib.pbkdf2_hmac(self.hash, self.account.password.encode(), base64.b64decode(fields[b"s"]),
                                     int(fields[b"i"]))
        key = hmac.digest(salted, b"Client Key", self.hash)
        final = b"c=" + b64(self.gs2 + (self.binding or b"")) + b",r=" + fields[b"r"]
        auth = self.first + b"," + challenge + b"," + final
        proof = bytes(a ^ b for a, b in zip(key, hmac.digest(hashlib.new(self.hash, key).digest(), auth, self.hash)))
        self.want = b64(b"v=" + b64(hmac.digest(hmac.digest(salted, b"Server Key", self.hash), auth, self.hash)))
        return b64(final + b",p=" + b64(proof))


class Login(Line):
    """One that logs in by SCRAM."""

    def end_point(self):
        return hashlib.sha256(self.socket.getpeercert(True)).digest()

    def scram(self, s):
        if self.protocol == "sieve":
            self.send(b'AUTHENTICATE "' + s.name + b'" "' + s.initial() + b'"\r\n')
            challenge = self.line()
            if not challenge.startswith(b'"'):
                return challenge
            answer = self.say(b'"' + s.answer(challenge.strip(b'"')) + b'"')
            if answer.startswith(b"OK"):  # the last word comes with it
                assert b'(SASL "' + s.want + b'")' in answer
            return answer
        challenge = self.say(b"AUTH " + s.name + b" " + s.initial())
        if not challenge.startswith(b"+ "):
            return challenge
        answer = self.say(s.answer(challenge[2:]))
        if answer.startswith(b"+ "):
            assert answer[2:] == s.want
            answer = self.say(b"")
        return answer


both = pytest.mark.parametrize("protocol", ["pop3", "sieve"])


def is_ok(answer):
    return answer.startswith((b"+OK", b"OK"))


def is_no(answer):
    return answer.startswith((b"-ERR", b"NO"))


def works(c):
    return is_ok(c.say(b"STAT" if c.protocol == "pop3" else b"LISTSCRIPTS"))


@both
@pytest.mark.parametrize("hash", ["sha1", "sha256"])
@pytest.mark.parametrize("tls", [False, True])
def test_scram(server, account, protocol, hash, tls):
    c = Login(server, protocol, tls)
    assert is_ok(c.scram(Scram(account, hash)))
    assert works(c)


@both
def test_scram_plus(server, account, protocol):
    c = Login(server, protocol, True)
    assert is_no(c.scram(Scram(account, "sha256", bytes(32))))
    assert is_ok(c.scram(Scram(account, "sha256", c.end_point())))
    assert works(c)
    c = Login(server, protocol)
    assert is_no(c.scram(Scram(account, "sha256", bytes(32))))


@both
def test_what_is_said_before_tls_does_not_count(server, account, protocol):
    c = Login(server, protocol)
    c.starttls(b"NOOP\r\nNOOP \"x\"\r\nQUIT\r\nLOGOUT\r\n")
    assert c.got == b""
    assert is_ok(c.scram(Scram(account, "sha256", c.end_point())))
    assert works(c)


@both
def test_half_a_command_before_tls(server, account, protocol):
    c = Login(server, protocol)
    c.starttls(b"USER x" if protocol == "pop3" else b"NOOP {10+}\r\nabc")
    assert is_ok(c.say(b"CAPA" if protocol == "pop3" else b"NOOP"))


@both
def test_bad_input(server, protocol):
    c = Login(server, protocol)
    assert is_no(c.say(b"NO\0OP"))
    assert is_no(c.say(b"X" * 20000))
    assert is_no(c.say(bytes(range(128, 256))))
    last = b""
    with pytest.raises((EOFError, ConnectionError)):
        for _ in range(60):
            last = c.say(b"XYZZY")
    assert is_no(last) or last.startswith(b"BYE")


def test_literals(server):
    c = Login(server, "sieve")
    assert is_no(c.say(b"NOOP {5}"))  # it would wait for us
    assert is_no(c.say(b"PUTSCRIPT \"a\" {20000+}\r\n" + b"x" * 20000))
    assert is_ok(c.say(b"NOOP"))
    c.send(b"PUTSCRIPT \"a\" {99999999999999999999+}\r\n")
    answers = []
    with pytest.raises((EOFError, ConnectionError)):
        while True:
            answers.append(c.answer())
    assert answers[-1].startswith(b"BYE")


@both
def test_limits_before_login(own_server, protocol):
    server = own_server("--set", "gate/login-attempts=2", "--set", "gate/login-timeout=2s", "--set",
                        "gate/connections-per-address=3", "--set", "server/gates=1", "--set", "gate/login-bytes=16K")
    secret = b64(b"\0demo@example.org\0wrong")
    wrong = b"AUTH PLAIN " + secret if protocol == "pop3" else b'AUTHENTICATE "PLAIN" "' + secret + b'"'
    c = Login(server, protocol)
    for _ in range(2):
        assert is_no(c.say(wrong))
    if protocol == "sieve":  # POP3 says nothing unasked
        assert c.answer().startswith(b"BYE")
    with pytest.raises(EOFError):
        c.line()
    c.socket.close()

    def three():
        held = []
        try:
            for _ in range(3):
                held.append(Login(server, protocol))
                assert is_ok(held[-1].greeting)
        except (AssertionError, EOFError, ConnectionError):
            return None
        return held
    held = wait_for(three)
    # one more from the same address, of whichever protocol
    refused = Login(server, protocol).greeting
    assert refused.startswith(b"-ERR [SYS/TEMP]" if protocol == "pop3" else b"BYE (TRYLATER)")
    began = time.monotonic()
    with pytest.raises((EOFError, ConnectionError)):  # slowly typing does not help
        while time.monotonic() - began < 20:
            held[0].send(b"N")
            held[0].socket.settimeout(0.3)
            try:
                d = held[0].socket.recv(4096)
                if d == b"" or d.startswith(b"BYE"):
                    raise EOFError
            except TimeoutError:
                pass
    assert time.monotonic() - began < 15
    for h in held:
        h.socket.close()
    much = wait_for(three)[0]
    with pytest.raises((EOFError, ConnectionError)):
        for _ in range(3000):
            much.say(b"CAPA" + b" " * 200 if protocol == "pop3" else b"NOOP" + b" " * 200)
            if protocol == "pop3":
                while much.line() != b".":
                    pass


@both
def test_stop(own_server, protocol):
    server = own_server()
    before, after = Login(server, protocol), Login(server, protocol)
    secret = b64(b"\0demo@example.org\0demo")
    assert is_ok(after.say(b"AUTH PLAIN " + secret if protocol == "pop3" else
                           b'AUTHENTICATE "PLAIN" "' + secret + b'"'))
    server.close()
    for c in (before, after):
        with pytest.raises((EOFError, ConnectionError)):
            assert c.answer().startswith((b"BYE", b"-ERR"))
            c.line()


def test_utf8_and_lang_go_on(server, account):
    """What a POP3 client asks for before login is so after it (RFC 6856)."""
    c = Login(server, "pop3", True)
    assert is_ok(c.say(b"UTF8"))
    assert c.say(b"LANG ja").decode() == "+OK ja 日本語でお答えします"
    assert is_ok(c.say(b"USER " + account.name.encode()))
    assert is_ok(c.say(b"PASS " + account.password.encode()))
    assert not c.say(b"XYZZY").isascii()
    assert c.say(b"LANG en").isascii()
    assert c.say(b"XYZZY").isascii()


def test_managesieve_capabilities(server, account):
    """They come of themselves at first and after STARTTLS; OWNER only after login."""
    def capabilities(c, command):
        if command:
            c.send(command + b"\r\n")
        out = {}
        while not (line := c.line()).startswith((b"OK", b"NO", b"BYE")):
            words = line.decode().split('"')[1::2]
            out[words[0]] = words[1] if len(words) > 1 else None
        return out
    c = Login(server, "sieve")
    plain = capabilities(c, b"CAPABILITY")
    assert {"IMPLEMENTATION", "SIEVE", "SASL", "STARTTLS", "VERSION", "MAXREDIRECTS"} <= set(plain)
    assert plain["VERSION"] == "1.0" and "OWNER" not in plain
    assert ("enotify" in plain["SIEVE"]) == ("NOTIFY" in plain)
    c.starttls()
    secure = capabilities(c, b"CAPABILITY")
    assert "STARTTLS" not in secure and "SCRAM-SHA-256-PLUS" in secure["SASL"]
    assert is_ok(c.scram(Scram(account, "sha1")))
    after = capabilities(c, b"CAPABILITY")
    assert after.pop("OWNER") == account.name
    assert after == secure
    assert is_no(c.say(b'AUTHENTICATE "PLAIN"'))  # once only (RFC 5804 section 2.1)


def test_unauthorised_for_managesieve(server, account):
    server.fumi("account", "services", "imap,pop3", account.name)
    c = Login(server, "sieve", True)
    assert is_no(c.scram(Scram(account, "sha256")))
    assert is_ok(c.say(b"NOOP"))
