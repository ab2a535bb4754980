"""What a sender wants to be told (RFC 3461), from LMTP through the delivery to a notice, or on to the next server."""
import email
import email.policy
import os
import re
import stat

import pytest

pytest.importorskip("aiosmtpd")
import serving  # noqa: E402
from serving import wait_for  # noqa: E402
from smtp_sink import Plain, out_options  # noqa: E402
from test_lmtp import KEYWORDS, MESSAGE, Lmtp, messages  # noqa: E402
from test_sieve import Rules  # noqa: E402

NULL = ("", None, "<>")


@pytest.fixture(scope="module")
def server(tmp_path_factory, sink):
    s = serving.Server(tmp_path_factory.mktemp("dsn"), *out_options(smtp=sink.url()))
    yield s
    s.close()


@pytest.fixture
def rules(server, sink):
    return Rules(server, sink)


def deliver(server, to, body=MESSAGE, sender="asker@example.net", mail="", rcpt="NOTIFY=SUCCESS"):
    """One message for one recipient: the last line of the answer."""
    c = Lmtp(server)
    c.say(f"MAIL FROM:<{sender}> {mail}".rstrip(), 250)
    c.say(f"RCPT TO:<{to}> {rcpt}".rstrip(), 250)
    c.data(body)
    line = c.answer()[-1]
    c.close()
    return line


def report(octets):
    """A report's parts: (fields of the message, those of each recipient, content type of the original, the whole)."""
    m = email.message_from_bytes(octets, policy=email.policy.default)
    assert m.get_content_type() == "multipart/report" and m.get_param("report-type") == "delivery-status"
    assert m["Auto-Submitted"] == "auto-replied"
    words, status, original = m.iter_parts()
    assert words.get_content_type() == "text/plain"
    assert status.get_content_type() == "message/delivery-status"
    fields = [dict(p.items()) for p in status.iter_parts()]
    return fields[0], fields[1:], original.get_content_type(), m


def told(sink, address):
    return wait_for(lambda: sink.to(address))


def test_offered(server):
    c = Lmtp(server, hello=False)
    said = [line[4:].split()[0] for line in c.say("LHLO client.example")[1:]]
    assert sorted(said) == sorted([*KEYWORDS, "DSN"])
    for params, want in (("RET=FULL ENVID=QQ314159", "250"), ("RET=SOME", "501 5.5.4"), ("ENVID=a+0Ab", "501 5.5.4"),
                         ("ENVID=a+2b", "501 5.5.4"), ("RET=HDRS RET=HDRS", "501 5.5.4")):
        c.say(f"MAIL FROM:<a@b.example> {params}", want)
        c.say("RSET", 250)
    c.say("MAIL FROM:<a@b.example>", 250)
    a = server.account()
    for params, want in (("NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb@c", "250"), ("notify=never", "250"),
                         ("NOTIFY=NEVER,SUCCESS", "501 5.5.4"), ("NOTIFY=", "501 5.5.4"), ("ORCPT=nobody", "501 5.5.4"),
                         ("ORCPT=utf-8;jos\u00e9@c", "501 5.5.4"), (f"ORCPT=rfc822;{'x' * 493}", "250"),
                         (f"ORCPT=rfc822;{'x' * 494}", "501 5.5.4")):
        c.say(f"RCPT TO:<{a.name}> {params}", want)


def test_not_offered_without_a_way_out(own_server):
    s = own_server()
    c = Lmtp(s)
    assert "DSN" not in "".join(c.say("LHLO x"))
    c.say("MAIL FROM:<a@b> RET=FULL", "555 5.5.4")
    c.say("MAIL FROM:<a@b>", 250)
    c.say(f"RCPT TO:<{s.demo.name}> NOTIFY=SUCCESS", "555 5.5.4")


def test_delivered(server, sink):
    a = server.account()
    line = deliver(server, a.name.replace("@", "+detail@"), sender="one@example.net", mail="RET=FULL ENVID=QQ+2B314159",
                   rcpt=f"NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Original+3D@example.org")
    assert line.startswith("250 2.0.0")
    assert len(messages(server, a)) == 1
    [(sender, octets)] = told(sink, "one@example.net")
    assert sender in NULL
    top, [one], original, m = report(octets)
    assert top["Original-Envelope-Id"] == "QQ+314159" and top["Reporting-MTA"] == "dns; mail.example.org"
    assert one["Original-Recipient"] == "rfc822; Original=@example.org"
    assert one["Final-Recipient"] == "rfc822; " + a.name.replace("@", "+detail@")
    assert (one["Action"], one["Status"]) == ("delivered", "2.0.0")
    assert original == "text/rfc822-headers"  # section 4.3: a success brings no body
    assert b"Subject: by LMTP" in octets and b"Hello." not in octets
    assert m["To"] == "<one@example.net>" or "one@example.net" in m["To"]


@pytest.mark.parametrize("rcpt, sender", [
    ("", "two@example.net"), ("NOTIFY=NEVER", "two@example.net"), ("NOTIFY=FAILURE,DELAY", "two@example.net"),
    ("NOTIFY=SUCCESS", ""),
])
def test_nobody_else_is_told(server, sink, rules, rcpt, sender):
    a = server.account()
    before = len(sink.mails)
    assert deliver(server, a.name, sender=sender, rcpt=rcpt).startswith("250")
    rules.quiet()
    assert len(sink.mails) == before


def test_original_recipient(server, sink, rules):
    """ORCPT goes into the mailbox beside Return-Path (RFC 8098 section 2.3), and from there into an MDN, but not on."""
    a = rules.account('require "copy"; redirect :copy "orcpt@example.com"; keep;')
    field = "Original-Recipient: rfc822; first+x@example.org\r\n"
    deliver(server, a.name, rcpt="ORCPT=rfc822;first+2Bx@example.org")
    deliver(server, a.name, rcpt="")
    _, with_it, without = messages(server, a)
    assert with_it.startswith(f"Return-Path: <asker@example.net>\r\n{field}Delivered-To: {a.name}\r\n".encode())
    assert b"Original-Recipient" not in without
    wait_for(lambda: len(sink.to("orcpt@example.com")) == 2)
    assert not any(b"Original-Recipient" in octets for _, octets in sink.to("orcpt@example.com"))
    rules.script(a, 'require "reject"; reject "N\u00e3o.";')  # too much for an answer
    for sender, rcpt in (("mdn1@example.net", "ORCPT=rfc822;first+2Bx@example.org"), ("mdn2@example.net", "")):
        deliver(server, a.name, sender=sender, rcpt=rcpt)
        [(_, octets)] = told(sink, sender)
        assert b"report-type=disposition-notification" in octets
        assert (field.encode() in octets.split(b"Content-Type: text/rfc822-headers")[0]) == (rcpt != "")


def test_each_recipient_that_asked(server, sink):
    a, b, c = (server.account() for _ in range(3))
    lmtp = Lmtp(server)
    lmtp.say("MAIL FROM:<three@example.net>", 250)
    for to, params in ((a, "NOTIFY=SUCCESS"), (b, "NOTIFY=NEVER"), (c, "NOTIFY=SUCCESS,DELAY")):
        lmtp.say(f"RCPT TO:<{to.name}> {params}", 250)
    lmtp.data(MESSAGE)
    assert [lmtp.answer()[-1][:3] for _ in range(3)] == ["250"] * 3
    mails = wait_for(lambda: (lambda m: m if len(m) == 2 else None)(sink.to("three@example.net")))
    assert sorted(report(m[1])[1][0]["Final-Recipient"] for m in mails) == sorted(f"rfc822; {x.name}" for x in (a, c))


def test_each_that_was_answered_is_told(server, sink, rules):
    """Each sender was promised a report (section 5.2.3), be the octets those of another message; none is the other again."""
    a = server.account()
    for _ in range(3):
        assert deliver(server, a.name, sender="four@example.net").startswith("250")
    rules.quiet()
    assert len(messages(server, a)) == 3
    reports = [report(octets)[3]["Message-ID"] for _, octets in sink.to("four@example.net")]
    assert len(reports) == len(set(reports)) == 3


def test_what_is_not_stored_is_not_told(own_server, sink, small_disk):
    s = own_server(*out_options(smtp=sink.url()), directory=small_disk / "server")
    for i in range(2000):
        body = b"Subject: m%d\r\n\r\n" % i + b"x" * 60000 + b"\r\n"
        if not deliver(s, s.demo.name, body, rcpt="").startswith("250"):
            break
    assert deliver(s, s.demo.name, body, sender="five@example.net").startswith("45")
    c = Rules(s, sink)
    c.quiet()
    assert sink.to("five@example.net") == []


def test_out_comes_back_in_time(server, sink):
    """A notice waits for a moment for who is to send it."""
    a = server.account()
    server.kill_those("fumi-out")
    assert deliver(server, a.name, sender="six@example.net").startswith("250")
    told(sink, "six@example.net")


# --- scripts ---


def test_discarded_is_delivered(server, sink, rules):
    a = rules.account("discard;")
    deliver(server, a.name, sender="discard@example.net")
    [(_, octets)] = told(sink, "discard@example.net")
    assert report(octets)[1][0]["Action"] == "delivered"


def test_refused_is_not_told_by_us(server, sink, rules):
    a = rules.account('require "ereject"; ereject "No.";')
    assert deliver(server, a.name, sender="refused@example.net", rcpt="NOTIFY=SUCCESS,FAILURE").startswith("550 5.7.1")
    b = rules.account('require "reject"; reject "N\u00f6.";')
    assert deliver(server, b.name, sender="refused2@example.net").startswith("250")
    told(sink, "refused2@example.net")
    rules.quiet()
    assert sink.to("refused@example.net") == []
    [(_, octets)] = sink.to("refused2@example.net")
    assert b"disposition-notification" in octets


def test_redirect_and_keep(server, sink, rules):
    """Success is told here, once; failure of the copy is not when it was not asked for."""
    sink.answers["rcpt"]["gone@example.com"] = "550 5.1.1 gone"
    a = rules.account('require "copy"; redirect :copy "gone@example.com"; redirect :copy "there@example.com";')
    deliver(server, a.name, sender="seven@example.net")
    [(_, octets)] = told(sink, "seven@example.net")
    assert report(octets)[1][0]["Action"] == "delivered"
    wait_for(lambda: sink.to("there@example.com"))
    rules.quiet()
    assert len(sink.to("seven@example.net")) == 1


def test_several_redirects(server, sink, rules):
    a = rules.account('redirect "x1@example.com"; redirect "x2@example.com";')
    deliver(server, a.name, sender="eight@example.net")
    [(_, octets)] = told(sink, "eight@example.net")
    assert report(octets)[1][0]["Action"] == "expanded"
    wait_for(lambda: sink.to("x1@example.com") and sink.to("x2@example.com"))
    rules.quiet()
    assert len(sink.to("eight@example.net")) == 1


def test_one_redirect_to_a_server_that_tells_nobody(server, sink, rules):
    a = rules.account('redirect "y@example.com";')
    deliver(server, a.name, sender="nine@example.net", mail="ENVID=E9", rcpt="NOTIFY=SUCCESS ORCPT=rfc822;first@b")
    [(sender, octets)] = told(sink, "nine@example.net")
    top, [one], _, _ = report(octets)
    assert sender in NULL and top["Original-Envelope-Id"] == "E9"
    assert (one["Action"], one["Final-Recipient"]) == ("relayed", "rfc822; y@example.com")
    assert one["Original-Recipient"] == "rfc822; first@b" and one["Remote-MTA"] == "dns; [127.0.0.1]"
    rules.quiet()
    assert len(sink.to("nine@example.net")) == 1


@pytest.mark.parametrize("notify, returned", [("NOTIFY=NEVER", False), ("NOTIFY=SUCCESS", False), ("NOTIFY=FAILURE", True),
                                              ("", True)])
def test_failure_of_a_redirect(server, sink, rules, notify, returned):
    sink.answers["rcpt"]["nobody@example.com"] = "550 5.1.1 no such user"
    a = rules.account('redirect "nobody@example.com";')
    address = f"ten{len(sink.mails)}@example.net"
    deliver(server, a.name, sender=address, mail="RET=FULL", rcpt=notify)
    if returned:
        top, [one], original, _ = report(told(sink, address)[0][1])
        assert (one["Action"], one["Status"], original) == ("failed", "5.1.1", "message/rfc822")
    rules.quiet()
    assert len(sink.to(address)) == returned


# --- the next server ---


def test_parameters_go_on(own_server):
    """To a server that offers DSN, as they came; then nobody here tells of success."""
    plain = Plain(offers=("SIZE 10000000", "8BITMIME", "DSN"))
    try:
        s = own_server(*out_options(smtp=plain.url()))
        rules = Rules(s, None)
        a = rules.account('redirect "z@example.com";')
        b = rules.account('require "copy"; redirect :copy "z@example.com";')
        body = MESSAGE + b".\r\n..two\r\n\xc3\xa9\r\n"
        deliver(s, a.name, body, mail="RET=HDRS ENVID=a+2Bb", rcpt="NOTIFY=SUCCESS,DELAY ORCPT=RFC822;Q+2B@b")
        [(said, octets)] = wait_for(lambda: plain.mails)
        assert re.fullmatch(r"MAIL FROM:<asker@example.net> SIZE=\d+ BODY=8BITMIME RET=HDRS ENVID=a\+2Bb", said[0])
        assert said[1] == "RCPT TO:<z@example.com> NOTIFY=SUCCESS,DELAY ORCPT=RFC822;Q+2B@b"
        assert octets.endswith(body)
        deliver(s, b.name, rcpt="NOTIFY=SUCCESS")
        wait_for(lambda: len(plain.mails) == 3)  # that, and a notice
        lines = sorted(m[0][1] for m in plain.mails[1:])
        assert lines == ["RCPT TO:<asker@example.net>", "RCPT TO:<z@example.com> NOTIFY=NEVER"]
        rules.quiet()
        assert len(plain.mails) == 3
    finally:
        plain.close()


def test_internationalised_message_goes_on(own_server):
    """Taken with SMTPUTF8 and redirected: with SMTPUTF8, or back to who sent it (RFC 6531 section 3.2)."""
    plain = Plain(offers=("8BITMIME", "SMTPUTF8", "DSN"))
    try:
        s = own_server(*out_options(smtp=plain.url()))
        a = Rules(s, None).account('redirect "z@example.com";')
        body = "Subject: d\u00e9j\u00e0 vu\r\n\r\nHello.\r\n".encode()
        deliver(s, a.name, body, mail="SMTPUTF8", rcpt="")
        [(said, octets)] = wait_for(lambda: plain.mails)
        assert said[0] == "MAIL FROM:<asker@example.net> BODY=8BITMIME SMTPUTF8" and octets.endswith(body)
        plain.offers = ("8BITMIME",)
        deliver(s, a.name, body, mail="SMTPUTF8", rcpt="")
        _, (said, octets) = wait_for(lambda: plain.mails if len(plain.mails) == 2 else None)
        assert said[1] == "RCPT TO:<asker@example.net>" and b"\r\nStatus: 5.6.7\r\n" in octets
    finally:
        plain.close()


@pytest.mark.parametrize("offers", [("8BITMIME",), ("8BITMIME", "SMTPUTF8")])
def test_raw_utf8_without_smtputf8_goes_on(own_server, offers):
    """Nobody has declared it, so it goes on as it came, whoever the next server is; but not to an address in UTF-8."""
    plain = Plain(offers=offers)
    try:
        s = own_server(*out_options(smtp=plain.url()))
        rules = Rules(s, None)
        a = rules.account('redirect "z@example.com";')
        body = "Subject: d\u00e9j\u00e0 vu\r\n\r\nHello.\r\n".encode()
        deliver(s, a.name, body, rcpt="")
        [(said, octets)] = wait_for(lambda: plain.mails)
        assert said == ["MAIL FROM:<asker@example.net> BODY=8BITMIME", "RCPT TO:<z@example.com>"]
        assert octets.endswith(body)
        b = rules.account('redirect "\u00e9@example.com";')
        deliver(s, b.name, body, rcpt="")
        _, (said, octets) = wait_for(lambda: plain.mails if len(plain.mails) == 2 else None)
        if "SMTPUTF8" in offers:
            assert said[0] == "MAIL FROM:<asker@example.net> BODY=8BITMIME SMTPUTF8" and octets.endswith(body)
        else:
            assert said[1] == "RCPT TO:<asker@example.net>" and b"\r\nStatus: 5.6.7\r\n" in octets
    finally:
        plain.close()


def test_refused_by_a_server_that_offers_dsn(own_server):
    """It does not take the message, so the failure is ours to tell, or not."""
    plain = Plain(offers=("DSN",), refuse={"RCPT TO:<z@": "550 5.7.1 not here"})
    try:
        s = own_server(*out_options(smtp=plain.url()))
        rules = Rules(s, None)
        a = rules.account('redirect "z@example.com";')
        deliver(s, a.name, rcpt="NOTIFY=NEVER")
        rules.quiet()
        assert plain.mails == []
        deliver(s, a.name, MESSAGE + b"x\r\n", rcpt="NOTIFY=FAILURE")
        [(said, octets)] = wait_for(lambda: plain.mails)
        assert said[0].startswith("MAIL FROM:<>")
        [one] = report(octets)[1]
        assert one["Status"] == "5.7.1" and one["Diagnostic-Code"] == "smtp; 550 5.7.1 not here"
    finally:
        plain.close()


@pytest.mark.parametrize("setting", ["yes", "no"])
def test_through_a_program(own_server, tmp_path, setting):
    path = tmp_path / "sendmail"
    path.write_text(f"#!/bin/sh\nd=$(mktemp -d {tmp_path}/mail.XXXXXX)\nfor a; do echo \"$a\"; done >$d/args\n"
                    f"cat >$d/message\ntouch $d/done\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    for p in (tmp_path, *list(tmp_path.parents)[:2]):
        os.chmod(p, 0o777)
    s = own_server(*out_options(sendmail=f'"{path} -i"', sendmail_dsn=setting))
    rules = Rules(s, None)
    a = rules.account('redirect "z@example.com";')
    deliver(s, a.name, mail="RET=HDRS ENVID=a+2Bb", rcpt="NOTIFY=SUCCESS,FAILURE")
    ran = wait_for(lambda: (lambda r: r if len(r) == (1 if setting == "yes" else 2) else None)(
        sorted(tmp_path.glob("mail.*/done"))))
    args = sorted((p.parent / "args").read_text().split("\n")[:-1] for p in ran)
    to = ["-f", "asker@example.net", "--", "z@example.com"]
    if setting == "yes":
        assert args == [["-i", "-N", "success,failure", "-R", "hdrs", "-V", "a+2Bb", *to]]
    else:
        assert args == sorted([["-i", *to], ["-i", "-f", "<>", "--", "asker@example.net"]])
    rules.quiet()
