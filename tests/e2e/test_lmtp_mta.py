"""Postfix and Exim of Debian deliver by LMTP, configured as docs/mta.md says."""
import re

import pytest

import mta
from serving import message


class Postfix(mta.Postfix):
    def write(self, name, text):
        if name == "master.cf":
            text += "\nlmtp unix - - n - - lmtp\n"
        super().write(name, text)


class Exim(mta.Exim):
    def __init__(self, place, port):
        super().__init__(place)
        transport = mta.sample("Exim", "By LMTP").replace("port = 24", f"port = {port}")
        with open(self.conf) as f:
            text = f.read()
        text = re.sub(r"(?s)begin transports\n.*begin retry", lambda _: f"begin transports\n{transport}\nbegin retry", text)
        with open(self.conf, "w") as f:
            f.write(text.replace("transport = fumi\n", "transport = fumi_lmtp\n"))


@pytest.fixture(scope="module")
def place():
    with mta.place("--set", "delivery/disabled=later") as p:
        yield p


@pytest.fixture(scope="module", params=["postfix", "exim"])
def agent(request, place):
    port = place.server.ports["lmtp"]
    if request.param == "exim":
        a = Exim(place, port)
    else:
        main = mta.sample("Postfix", "and for Postfix").replace("mailbox_transport", "local_transport")
        a = Postfix(place, main.replace(":24", f":{port}"))
    a.name = request.param
    yield a
    a.close()


def wait_sent(agent, name):
    agent.wait(f"(to=<{name}>.*status=sent|[=-]> .*{name}.*T=fumi_lmtp)")


def test_several_recipients(agent, place):
    accounts = [place.server.account() for _ in range(3)]
    agent.send("alice@example.com", [a.name for a in accounts], message("three"))
    for a in accounts:
        wait_sent(agent, a.name)
        (got,) = mta.received(a)
        assert b"Subject: three" in got and got.startswith(b"Return-Path: <alice@example.com>\r\n")
        assert f"Delivered-To: {a.name}\r\n".encode() in got and b" with LMTP id " in got


def test_empty_sender(agent, place):
    a = place.server.account()
    agent.send("<>" if agent.name == "exim" else "", [a.name], message("bounce"))
    wait_sent(agent, a.name)
    (got,) = mta.received(a)
    assert got.startswith(b"Return-Path: <>\r\n")


def test_dots_and_eight_bits(agent, place):
    a = place.server.account()
    body = ".\n..\n.x\n" + "\u00fc" * 30 + "\n.\n"
    text = b"Subject: dots\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n" \
        b"Content-Transfer-Encoding: 8bit\n\n" + body.encode()
    agent.send("alice@example.com", [a.name], text)
    wait_sent(agent, a.name)
    assert body.encode().replace(b"\n", b"\r\n") in mta.received(a)[0]


def test_permanent_failure_of_one(agent, place):
    a = place.server.account()
    agent.send("alice@example.com", ["nobody-here@example.org", a.name], message("half"))
    if agent.name == "exim":
        agent.wait(r"\*\* nobody-here@example.org .*550 5\.1\.1")
    else:
        agent.wait(r"to=<nobody-here@example.org>.*dsn=5\.1\.1, status=bounced")
    wait_sent(agent, a.name)
    assert len(mta.received(a)) == 1


def test_temporary_failure_of_one(agent, place):
    a, b = place.server.account(), place.server.account()
    place.server.fumi("account", "disable", a.name)
    agent.send("alice@example.com", [a.name, b.name], message("later"))
    agent.wait(f"== {a.name}.*450 4\\.2\\.1" if agent.name == "exim" else f"to=<{a.name}>.*dsn=4.2.1, status=deferred")
    wait_sent(agent, b.name)
    place.server.fumi("account", "enable", a.name)
    agent.again()
    wait_sent(agent, a.name)
    assert (len(mta.received(a)), len(mta.received(b))) == (1, 1)


def test_delivery_that_dies(agent, place):
    """The agent tries again, and all is there."""
    a = place.server.account()
    for i in range(3):
        agent.send("alice@example.com", [a.name], message(f"kill {i}"))
        place.server.kill_those("fumi-delivery")
    agent.again()
    agent.wait(f"(?s)({a.name}.*(status=sent|T=fumi_lmtp).*){{3}}")
    assert {re.search(rb"Subject: (.*)\r", m)[1] for m in mta.received(a)} == {b"kill 0", b"kill 1", b"kill 2"}
