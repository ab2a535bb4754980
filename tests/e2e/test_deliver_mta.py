"""Postfix and Exim of Debian deliver by pipe, configured as docs/mta.md says."""
import os
import re
import shutil

import pytest

import mta
from serving import BUILD, Account, message


@pytest.fixture(scope="module")
def place():
    with mta.place("--set", f"delivery/deliver-users=65534, {mta.EXIM_UID}") as p:
        yield p


@pytest.fixture(scope="module", params=["postfix", "exim"])
def agent(request, place):
    if request.param == "exim":
        a = mta.Exim(place)
    else:
        main = mta.sample("Postfix", "In `main.cf`").replace("mailbox_transport", "local_transport")
        a = mta.Postfix(place, main)
    a.name = request.param
    yield a
    a.close()


def test_several_recipients(agent, place):
    accounts = [place.server.account() for _ in range(3)]
    agent.send("alice@example.com", [a.name for a in accounts], message("three"))
    for a in accounts:
        agent.wait(f"{a.name}.*(status=sent|T=fumi)")
        (got,) = mta.received(a)
        assert b"Subject: three" in got and got.startswith(b"Return-Path: <alice@example.com>\r\n")
        assert got.count(b"\nReturn-Path:") == 0


def test_detail(agent, place):
    a = place.server.account()
    address = a.name.replace("@", "+list@")
    agent.send("alice@example.com", [address], message("detail"))
    agent.wait(f"{address.replace('+', '[+]')}.*(status=sent|T=fumi)")
    (got,) = mta.received(a)
    assert f"Delivered-To: {address}\r\n".encode() in got


def test_empty_sender(agent, place):
    a = place.server.account()
    agent.send("<>" if agent.name == "exim" else "", [a.name], message("bounce"))
    agent.wait(f"{a.name}.*(status=sent|T=fumi)")
    (got,) = mta.received(a)
    assert got.startswith(b"Return-Path: <>\r\n")


def test_quoted_sender(agent, place):
    a = place.server.account()
    agent.send('"john doe"@example.com', [a.name], message("quoted"))
    agent.wait(f"{a.name}.*(status=sent|T=fumi)")
    (got,) = mta.received(a)
    assert got.startswith(b'Return-Path: <"john doe"@example.com>\r\n')


def test_rejected_by_a_script(agent, place):
    """The MTA makes the bounce, of the script's words."""
    a = place.server.account()
    place.server.fumi("deliver", "-d", a.name, input=message("first"))
    sieve = os.path.join(a.dir, "sieve")
    os.mkdir(sieve, 0o700)
    for name, text in (("main.sieve", 'require "reject"; reject "No mail from you.";'), ("active", "main\n")):
        with open(os.path.join(sieve, name), "w") as f:
            f.write(text)
    for path in (sieve, *(os.path.join(sieve, f) for f in os.listdir(sieve))):
        os.chown(path, os.stat(a.dir).st_uid, -1)
    agent.send("alice@example.com", [a.name], message("refused"))
    if agent.name == "exim":
        agent.wait(rf"\*\* {a.name} .*T=fumi")
    else:
        agent.wait(f"to=<{a.name}>.*status=bounced.*No mail from you")
    assert len(mta.received(a)) == 1


def test_permanent_failure(agent, place):
    a = place.server.account()
    agent.send("alice@example.com", ["nobody-here@example.org", a.name], message("half"))
    if agent.name == "exim":
        agent.wait(r"\*\* nobody-here@example.org .*T=fumi")
    else:
        agent.wait(r"to=<nobody-here@example.org>.*dsn=5\.1\.1, status=bounced \(user unknown")
    agent.wait(f"{a.name}.*(status=sent|T=fumi)")
    assert len(mta.received(a)) == 1


def test_temporary_failure(agent, place):
    a = place.server.account()
    path = os.path.join(place.server.dir, "run", "fumi.sock")
    os.rename(path, path + ".away")
    try:
        agent.send("alice@example.com", [a.name], message("later"))
        agent.wait(f"== {a.name}.*T=fumi defer" if agent.name == "exim" else f"to=<{a.name}>.*dsn=4.*status=deferred")
        assert mta.received(a) == []
    finally:
        os.rename(path + ".away", path)
    agent.again()
    agent.wait(f"=> .*{a.name}" if agent.name == "exim" else f"to=<{a.name}>.*status=sent")
    assert len(mta.received(a)) == 1


def test_mailbox_command(place):
    """Postfix's local(8) runs it as the recipient; the format is one setting of fumi's."""
    conf = os.path.join(place.path, "maildir.conf")
    with open(conf, "w") as f:
        f.write("[delivery]\nmailbox = ./Maildir/\n")
    was, place.fumi = place.fumi, f"{os.path.join(BUILD, 'fumi')} -c {conf}"
    shutil.rmtree(os.path.join(place.path, "postfix"), ignore_errors=True)
    p = mta.Postfix(place, mta.sample("Postfix", "In the place of procmail"))
    new = os.path.join(place.home, "Maildir", "new")
    try:
        p.send("alice@example.com", ["sengoku@example.org"], message("maildir"))
        p.wait("to=<sengoku@example.org>.*status=sent")
        (name,) = os.listdir(new)
        with open(os.path.join(new, name), "rb") as f:
            text = f.read()
        assert text.startswith(b"Return-Path: <alice@example.com>\n") and b"\nSubject: maildir\n" in text
        assert os.stat(new).st_uid == mta.USER_UID
        with open(conf, "w") as f:
            f.write("[delivery]\nmailbox = ./Mailbox\n")
        p.send("alice@example.com", ["sengoku@example.org"], message("mbox"))
        p.wait("(?s)to=<sengoku@example.org>.*status=sent.*to=<sengoku@example.org>.*status=sent")
        with open(os.path.join(place.home, "Mailbox"), "rb") as f:
            assert f.read().startswith(b"From alice@example.com ")
    finally:
        p.close()
        place.fumi = was




def test_opensmtpd(place):
    """It runs the program as the recipient, and says what became of it."""
    conf = os.path.join(place.path, "opensmtpd.conf")
    path = os.path.join(place.home, "Opensmtpd")
    with open(conf, "w") as f:
        f.write(f"[delivery]\nmailbox = {path}\n")
    was, place.fumi = place.fumi, f"{os.path.join(BUILD, 'fumi')} -c {conf}"
    agent = mta.Opensmtpd(place)
    try:
        for sender, line in (("alice@example.com", "alice@example.com"), ("o'brien@example.com", "o'brien@example.com"),
                             ("", "MAILER-DAEMON"), ("`id`$HOME&'|{*}@example.com", "`id`$HOME&'|{*}@example.com")):
            agent.send(sender, ["sengoku@example.org"], message("opensmtpd"))
            agent.wait(rf"from=<{re.escape(sender)}>.*result=Ok")
            with open(path) as f:
                text = f.read()
            assert text.startswith(f"From {line} ") and f"\nReturn-Path: <{sender}>\n" in text, text
            assert "\nSubject: opensmtpd\n" in text and os.stat(path).st_uid == mta.USER_UID
            os.unlink(path)
        os.mkdir(path)
        agent.send("alice@example.com", ["sengoku@example.org"], message("never"))
        agent.wait("result=PermFail")
        os.rmdir(path)
        open(path + ".lock", "w").close()
        with open(conf, "a") as f:
            f.write("lock-timeout = 100ms\n")
        agent.send("alice@example.com", ["sengoku@example.org"], message("later"))
        agent.wait("result=TempFail")
    finally:
        agent.close()
        place.fumi = was


def test_sendmail(place):
    """As mail.local, run by root: several recipients, one of whom there is not."""
    server = place.server
    os.makedirs(os.path.join(place.etc, "fumi"), exist_ok=True)
    shutil.copy(server.info["conf"], os.path.join(place.etc, "fumi", "fumi.conf"))
    agent = mta.Sendmail(place)
    accounts = [Account(server, name, "secret word") for name in ("hanako", "taro")]
    for a in accounts:
        server.fumi("account", "add", a.name, input=a.password.encode() + b"\n")
    status, text = agent.send("alice@example.com", ["hanako@mx.example.org", "taro", "jiro"], message("sendmail"))
    for a in accounts:
        (got,) = mta.received(a)
        assert got.startswith(b"Return-Path: <alice@example.com>\r\n") and b"Subject: sendmail" in got, (status, text)
    assert status == 67, text  # that of jiro
