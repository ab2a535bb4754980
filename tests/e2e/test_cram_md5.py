"""CRAM-MD5 (RFC 2195), where the settings ask for it: by imaplib, by curl, and by hand."""
import base64
import hmac
import imaplib
import re
import subprocess

import pytest
from lines import Line
from serving import Account, message

MECH = b"CRAM-MD5"


@pytest.fixture
def cram(own_server):
    """A server that offers it, without TLS and without passwords in clear, and an account it is good for."""
    server = own_server("--set", "auth/cram-md5=yes", "--set", "auth/cleartext=never",
                        "--set", "server/hostname=mail.example.org")
    account = Account(server, "sengoku@example.org", "secret pässword")
    server.fumi("account", "add", "--scheme", "plain", account.name, input=account.password.encode() + b"\n")
    server.fumi("deliver", "-d", account.name, input=message("hello"))
    return server, account


def answer(account, challenge, password=None):
    key = (password or account.password).encode()
    return account.name.encode() + b" " + hmac.new(key, base64.b64decode(challenge), "md5").hexdigest().encode()


def imap(server):
    return imaplib.IMAP4("127.0.0.1", server.ports["imap"])


def ask(server, protocol):
    """A connection that has asked for it, and the challenge; or what the server said instead."""
    c = Line(server, protocol)
    c.send(b'AUTHENTICATE "CRAM-MD5"\r\n' if protocol == "sieve" else b"AUTH CRAM-MD5\r\n")
    line = c.line()
    return c, line[2:] if line.startswith(b"+ ") else line.strip(b'"') if line.startswith(b'"') else line


def give(c, text):
    text = base64.b64encode(text)
    return c.say(b'"' + text + b'"' if c.protocol == "sieve" else text)


def test_off_by_default(server, account):
    c = imap(server)
    assert not any(MECH.decode() in x for x in c.capabilities)
    with pytest.raises(imaplib.IMAP4.error):
        c.login_cram_md5(account.name, account.password)
    for protocol in ("pop3", "sieve"):
        assert ask(server, protocol)[1].startswith((b"-ERR", b"NO"))
    c = Line(server)
    c.send(b"CAPA\r\n")
    while (line := c.line()) != b".":
        assert MECH not in line


def test_imaplib(cram):
    server, account = cram
    c = imap(server)
    assert "AUTH=CRAM-MD5" in c.capabilities and "AUTH=PLAIN" not in c.capabilities
    assert c.login_cram_md5(account.name, account.password)[0] == "OK"
    assert c.select("INBOX")[1] == [b"1"]
    c.logout()


@pytest.mark.parametrize("protocol", ["pop3", "sieve"])
def test_by_hand(cram, protocol):
    server, account = cram
    c, challenge = ask(server, protocol)
    assert re.fullmatch(rb"<\d{40}\.\d+@mail\.example\.org>", base64.b64decode(challenge))
    assert give(c, answer(account, challenge)).lstrip(b"+").startswith(b"OK")
    other, fresh = ask(server, protocol)
    assert fresh != challenge
    assert give(other, answer(account, challenge)).startswith((b"-ERR", b"NO"))  # what was heard is of no use


def test_curl(cram):
    server, account = cram
    for url in (f"imap://127.0.0.1:{server.ports['imap']}/INBOX;UID=1", f"pop3://127.0.0.1:{server.ports['pop3']}/1"):
        def curl(password):
            return subprocess.run(["curl", "-sS", "--login-options", "AUTH=CRAM-MD5", "-u", f"{account.name}:{password}", url],
                                  capture_output=True, timeout=60)
        r = curl(account.password)
        assert r.returncode == 0 and b"Subject: hello" in r.stdout, r.stderr
        assert curl("wrong").returncode == 67  # login denied


def test_refused(cram):
    server, account = cram
    hashed = server.account()  # its password is not stored as it is
    unknown = Account(server, "nobody@example.org", "x")
    for who, password in ((account, "wrong"), (account, ""), (hashed, None), (hashed, ""), (unknown, None), (unknown, "")):
        c = imap(server)
        key = who.password if password is None else password
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
            c.authenticate("CRAM-MD5", lambda text: who.name.encode() + b" " +
                           hmac.new(key.encode(), text, "md5").hexdigest().encode())
        c.shutdown()
    c = imap(server)
    assert c.login_cram_md5(account.name, account.password)[0] == "OK"
    for bad in (b"", b"x", b"x y", account.name.encode(), account.name.encode() + b" " + b"z" * 32, b" " + b"0" * 32):
        line, _ = ask(server, "pop3")
        assert give(line, bad).startswith(b"-ERR")
    line = Line(server)  # the server speaks first
    assert line.say(b"AUTH CRAM-MD5 " + base64.b64encode(answer(account, b""))).startswith(b"-ERR")


def test_disabled_account(cram):
    server, account = cram
    server.fumi("account", "services", "pop3", account.name)
    c = imap(server)
    with pytest.raises(imaplib.IMAP4.error, match="AUTHORIZATIONFAILED"):
        c.login_cram_md5(account.name, account.password)
    c, challenge = ask(server, "pop3")
    assert give(c, answer(account, challenge)).startswith(b"+OK")
