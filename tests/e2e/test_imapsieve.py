"""Scripts that run when a client changes mail (RFC 6785): of users and of the administrator, what they change, what
they send, and that no client waits for them or is told no because of them."""
import os
import subprocess

import pytest

pytest.importorskip("aiosmtpd")
import serving  # noqa: E402
from serving import wait_for  # noqa: E402
from smtp_sink import out_options  # noqa: E402
from test_managesieve import Client  # noqa: E402

ENTRY = "/shared/imapsieve/script"


def text(n):
    return f"From: alice@example.net\r\nSubject: number {n}\r\nnumber: {n}\r\n\r\nHello.\r\n".encode()


class Box:
    """An account with scripts, and a client of it."""

    def __init__(self, server, account=None, **scripts):
        self.server, self.account = server, account or server.account()
        self.imap = server.imaplib(self.account)
        sieve = Client(server, self.account)
        for name, script in scripts.items():
            script = script.encode()
            answer = sieve.do(b'PUTSCRIPT "%s" {%d+}\r\n%s' % (name.encode(), len(script), script))[1]
            assert answer.startswith(b"OK"), answer
        sieve.do(b"LOGOUT")

    def annotate(self, mailbox, script):
        assert self.imap.xatom("SETMETADATA", f'"{mailbox}"', f'({ENTRY} "{script}")')[0] == "OK"

    def make(self, mailbox, script=None):
        assert self.imap.create(mailbox)[0] == "OK"
        if script is not None:
            self.annotate(mailbox, script)

    def append(self, mailbox, n=1):
        assert self.imap.append(mailbox, None, None, text(n))[0] == "OK"

    def flags(self, mailbox):
        """Of each message, without \\Recent, behind all scripts of what this client has asked for."""
        if self.imap.state != "LOGOUT":
            self.imap.noop()
        c = self.server.imaplib(self.account)
        c.select(mailbox, readonly=True)
        rows = c.fetch("1:*", "(FLAGS)")[1]
        c.logout()
        return [b" ".join(sorted(set(r.split(b"FLAGS (")[1].rstrip(b")").split()) - {b"\\Recent"})).decode()
                for r in rows if r]


@pytest.fixture(scope="module")
def sending(tmp_path_factory, sink):
    """A server that sends to the sink."""
    s = serving.Server(tmp_path_factory.mktemp("imapsieve"),
                       *out_options(smtp=sink.url(), replies_per_hour=1000))
    yield s
    s.close()


def test_mark_what_is_moved(server):
    """A message that comes into Spam is flagged, and filed for who learns from it."""
    box = Box(server, mark='require ["imapsieve", "environment", "imap4flags", "fileinto", "copy", "mailbox"];'
                           'if environment "imap.cause" "COPY" {'
                           'addflag ["$Junk", "\\\\Seen"]; fileinto :copy :create "Learn"; }')
    box.make("Spam", "mark")
    for n in range(3):
        box.append("INBOX", n)
    box.append("Spam", 3)
    box.imap.select("INBOX")
    assert box.imap.copy("1", "Spam")[0] == "OK"
    assert box.imap.xatom("MOVE", "2:3", "Spam")[0] == "OK"
    assert box.flags("Spam") == ["", "$Junk \\Seen", "$Junk \\Seen", "$Junk \\Seen"]
    assert len(box.flags("Learn")) == 3 and box.flags("INBOX") == [""]


def test_other_sessions_hear_of_it(server):
    box = Box(server, star='require ["imapsieve", "imap4flags"]; addflag "starred";')
    box.append("INBOX")
    box.annotate("INBOX", "star")
    other = server.imaplib(box.account)
    other.select("INBOX")
    box.imap.select("INBOX")
    assert box.imap.store("1", "+FLAGS", "\\Flagged")[0] == "OK"

    def told():
        other.noop()
        return b"starred" in b" ".join(x for x in other.response("FETCH")[1] if x)
    wait_for(told)


def test_what_is_no_event(server):
    """Mail that is delivered, EXPUNGE, and a client that only looks."""
    box = Box(server, mark='require ["imapsieve", "imap4flags"]; addflag "Marked";')
    box.annotate("INBOX", "mark")
    for n in range(3):
        server.fumi("deliver", "-d", box.account.name, "-f", "alice@example.net", input=text(n))
    assert box.flags("INBOX") == [""] * 3
    box.imap.select("INBOX")
    assert box.imap.fetch("1:*", "(BODY.PEEK[] FLAGS)")[0] == "OK"
    assert box.imap.store("2", "-FLAGS", "\\Seen")[0] == "OK"
    assert box.flags("INBOX") == [""] * 3
    assert box.imap.store("2", "+FLAGS", "\\Deleted")[0] == "OK"
    assert box.flags("INBOX") == ["", "Marked \\Deleted", ""]
    assert box.imap.expunge()[0] == "OK"
    assert box.flags("INBOX") == ["", ""]


def test_many_at_once(server):
    """More than one batch, and one session after the other in one process."""
    box = Box(server, mark='require ["imapsieve", "imap4flags"]; addflag "Seen2";')
    box.make("Many", "mark")
    for n in range(10):
        box.append("INBOX", n)
    box.imap.select("INBOX")
    for _ in range(5):
        assert box.imap.copy("1:*", "INBOX")[0] == "OK"
        box.imap.noop()
    assert box.imap.copy("1:*", "Many")[0] == "OK"
    box.imap.logout()
    assert box.flags("Many") == ["Seen2"] * 320
    again = server.imaplib(box.account)
    again.append("Many", None, None, text(1))
    again.noop()
    assert box.flags("Many") == ["Seen2"] * 321


def test_redirect(sending, sink):
    """Who moves a message there sends it on; it comes from the user, who had it delivered before."""
    box = Box(sending, send='require "imapsieve"; redirect "onward@example.com";',
              copy='require ["imapsieve", "copy"]; redirect :copy "copied@example.com";')
    box.make("Onward", "send")
    box.make("Copied", "copy")
    sending.fumi("deliver", "-d", box.account.name, "-f", "alice@example.net", input=text(7))
    box.imap.select("INBOX")
    assert box.imap.copy("1", "Copied")[0] == "OK"
    assert box.imap.xatom("MOVE", "1", "Onward")[0] == "OK"
    for to in ("onward@example.com", "copied@example.com"):
        sender, octets = wait_for(lambda: sink.to(to))[0]
        assert sender == box.account.name and b"\r\nnumber: 7\r\n" in octets and b"Return-Path" not in octets
    assert box.flags("Onward") == ["\\Deleted"] and box.flags("Copied") == [""]
    # the same message again is another one
    box.imap.select("Copied")
    assert box.imap.copy("1", "Copied")[0] == "OK"
    wait_for(lambda: len(sink.to("copied@example.com")) == 2)


def test_notify(sending, sink):
    """RFC 6785 section 5, the second example."""
    box = Box(sending, tell='require ["enotify", "imap4flags", "variables", "environment", "imapsieve"];'
                            'if environment :matches "imap.mailbox" "*" { set "mailbox" "${1}"; }'
                            'if allof (hasflag "\\\\Flagged",'
                            '   environment :contains "imap.changedflags" "\\\\Flagged") {'
                            '   notify :message "Important message in ${mailbox}" "mailto:pager@example.com"; }')
    box.append("INBOX")
    box.annotate("INBOX", "tell")
    box.imap.select("INBOX")
    for flags in ("+FLAGS (\\Seen)", "+FLAGS (\\Flagged)", "+FLAGS (\\Flagged)", "-FLAGS (\\Flagged)"):
        assert box.imap.store("1", *flags.split(" ", 1))[0] == "OK"
    sender, note = wait_for(lambda: sink.to("pager@example.com"))[0]
    assert sender == box.account.name and b"Subject: Important message in INBOX\r\n" in note
    box.imap.logout()  # behind all scripts
    wait_for(lambda: b'"id"' not in sending.fumi("out", "list", "--json"))
    assert len(sink.to("pager@example.com")) == 1


def test_many_redirects(sending, sink):
    box = Box(sending, send='require ["imapsieve", "copy"]; redirect :copy "many@example.com"; '
                            'redirect :copy "more@example.com";')
    box.make("Out", "send")
    for n in range(50):
        box.append("INBOX", n)
    box.imap.select("INBOX")
    assert box.imap.copy("1:*", "Out")[0] == "OK"
    wait_for(lambda: len(sink.to("many@example.com")) == 50 and len(sink.to("more@example.com")) == 50)
    assert box.flags("Out") == [""] * 50


def test_nothing_can_leave(server):
    """Without a way out the message is kept, and the client hears OK."""
    box = Box(server, send='require "imapsieve"; redirect "onward@example.com";')
    box.make("Onward", "send")
    box.append("Onward")
    assert box.flags("Onward") == [""]


def test_the_process_that_sends_dies(sending, sink):
    box = Box(sending, send='require "imapsieve"; redirect "died@example.com";')
    box.make("Onward", "send")
    sending.kill_those("fumi-out")
    for n in range(3):
        box.append("Onward", n)
    # each is kept, or was sent
    wait_for(lambda: sending.processes("fumi-out"))
    box.append("Onward", 3)
    wait_for(lambda: len(sink.to("died@example.com")) == box.flags("Onward").count("\\Deleted"))
    assert len(box.flags("Onward")) == 4


def test_scripts_that_cannot_run(server):
    box = Box(server, vacation='require "vacation"; discard;', error='require "ihave"; discard; error "no";')
    with open(os.path.join(box.account.dir, "sieve", "broken.sieve"), "w") as f:
        f.write("discard")
    st = os.stat(box.account.dir)
    os.chown(os.path.join(box.account.dir, "sieve", "broken.sieve"), st.st_uid, st.st_gid)
    for script in ("vacation", "error", "broken", "missing", "../main", ""):
        box.annotate("INBOX", script)
        box.append("INBOX")
    box.imap.select("INBOX")
    assert box.imap.store("1:*", "+FLAGS", "\\Seen")[0] == "OK"
    assert box.imap.fetch("1:*", "(BODY[])")[0] == "OK"
    assert box.flags("INBOX") == ["\\Seen"] * 6


def test_the_administrators(own_server, tmp_path):
    for name, script in {
        "before": 'require ["imapsieve", "environment", "imap4flags"];'
                  'if allof (environment "imap.mailbox" "Spam", environment "imap.cause" ["COPY", "APPEND"])'
                  '{ addflag "$Junk"; }',
        "after": 'require ["imapsieve", "environment", "fileinto", "copy", "mailbox"];'
                 'if environment "imap.mailbox" "Spam" { fileinto :copy :create "Learn"; }',
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.sieve").write_text(script)
    server = own_server("--set", f"imapsieve/before={tmp_path / 'before'}", "--set",
                        f"imapsieve/after={tmp_path / 'after'}", "--set", "imapsieve/url=sieve://scripts.example.org")
    box = Box(server, mine='require ["imapsieve", "imap4flags"]; addflag "mine"; keep;')
    assert b" IMAPSIEVE=sieve://scripts.example.org" in box.imap.capability()[1][0]
    box.make("Spam")
    box.append("INBOX")
    box.append("Spam")
    assert box.flags("Spam") == ["$Junk"] and box.flags("INBOX") == [""] and len(box.flags("Learn")) == 1
    box.annotate("Spam", "mine")
    box.append("Spam")
    assert box.flags("Spam") == ["$Junk", "$Junk mine"] and len(box.flags("Learn")) == 1


def test_offered(server, own_server):
    port = server.ports["sieve"]
    c = server.imaplib(server.demo)
    assert f":{port} ".encode() in c.capability()[1][0].split(b" IMAPSIEVE=sieve://")[1] + b" "
    off = own_server("--set", "sieve/disabled=imapsieve, regex")
    box = Box(off, script="discard;")
    assert b"IMAPSIEVE" not in box.imap.capability()[1][0] and b"METADATA" in box.imap.capability()[1][0]
    box.annotate("INBOX", "script")
    box.append("INBOX")
    assert box.flags("INBOX") == [""]
    sieve = Client(off, box.account)
    assert sieve.do(b'CHECKSCRIPT {20+}\r\nrequire "imapsieve";')[1].startswith(b"NO")
    sieve = Client(server, server.demo)
    assert sieve.do(b'CHECKSCRIPT {20+}\r\nrequire "imapsieve";')[1].startswith(b"OK")


@pytest.mark.parametrize("url,good", [("sieve://a.example.org", True), ("sieve://a:4191", True), ("imap://a", False),
                                      ("sieve://", False), ("sieve://a b", False), ("sieve://[::1]", False),
                                      ("sieve://a/b", False)])
def test_settings(server, tmp_path, url, good):
    conf = tmp_path / "fumi.conf"
    with open(server.info["conf"]) as f:
        conf.write_text(f.read() + f'[imapsieve]\nurl = "{url}"\n')
    r = subprocess.run([server.info["fumi"], "-c", str(conf), "config", "check"], capture_output=True, timeout=60)
    assert (r.returncode == 0) == good, r.stdout + r.stderr
