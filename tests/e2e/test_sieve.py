"""What scripts decide is done: mailboxes, mail that leaves (to a real mail server, and through a program like
sendmail), answers, refusals, and what a broken script does not do to mail."""
import os
import smtplib
import socket
import stat
import subprocess
import time

import pytest

pytest.importorskip("aiosmtpd")
import serving  # noqa: E402
from serving import wait_for  # noqa: E402
from smtp_sink import out_options  # noqa: E402

SENDER = "alice@example.net"
NULL = ("", None, "<>")


class Rules:
    """A server that sends to a sink, and accounts with scripts."""

    def __init__(self, server, sink):
        self.server, self.sink = server, sink

    def account(self, script=None):
        a = self.server.account()
        if script is not None:
            # the first message makes the account
            self.deliver(a, subject="before")
            self.script(a, script)
        return a

    def script(self, account, text, name="main"):
        d = os.path.join(account.dir, "sieve")
        if not os.path.isdir(d):
            os.mkdir(d, 0o700)
        for file, content in ((f"{name}.sieve", text), ("active", name + "\n")):
            with open(os.path.join(d, file + ".new"), "w") as f:
                f.write(content)
            os.rename(os.path.join(d, file + ".new"), os.path.join(d, file))
        if os.geteuid() == 0:
            st = os.stat(account.dir)
            for path in (d, *(os.path.join(d, f) for f in os.listdir(d))):
                os.chown(path, st.st_uid, st.st_gid)

    def message(self, account, subject, body="Hello.", fields=""):
        return (f"From: {SENDER}\r\nTo: {account.name}\r\nSubject: {subject}\r\n{fields}"
                f"Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <{abs(hash((subject, body)))}@example.net>\r\n"
                f"\r\n{body}\r\n").encode()

    def deliver(self, account, message=None, subject="hello", sender=SENDER, status=0, **kw):
        return self.server.fumi("deliver", "-d", account.name, "-f", sender, status=status,
                                input=message or self.message(account, subject, **kw))

    def refused(self, account, subject, *options, message=None):
        """What fumi deliver says when its status is EX_UNAVAILABLE."""
        return self.server.fumi("deliver", "-f", SENDER, *options, "-d", account.name, status=69,
                                input=message or self.message(account, subject))

    def boxes(self, account):
        """{mailbox: [subjects]}"""
        c = self.server.imaplib(account)
        out = {}
        for line in c.list()[1]:
            name = line.decode().rsplit('"/" ', 1)[1].strip('"')
            typ, n = c.select(f'"{name}"', readonly=True)
            if typ != "OK" or n[0] == b"0":
                out[name] = []
                continue
            _, rows = c.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            out[name] = [r[1].decode().strip().removeprefix("Subject: ") for r in rows if isinstance(r, tuple)]
        c.logout()
        return out

    def lmtp(self, account, message, sender=SENDER):
        """The server's answer to the message of one recipient."""
        s = smtplib.LMTP("127.0.0.1", self.server.info["ports"]["lmtp"], timeout=60)
        with s:
            s.ehlo_or_helo_if_needed()
            assert s.mail(sender)[0] == 250
            assert s.rcpt(account.name)[0] == 250
            code, text = s.data(message)
            return code, text.decode()

    def quiet(self):
        """Nothing waits to be sent."""
        def empty():
            try:
                return b'"id"' not in self.server.fumi("out", "list", "--json")
            except AssertionError:
                return False  # out was killed and comes back
        wait_for(empty)


@pytest.fixture(scope="module")
def rules(tmp_path_factory, sink):
    server = serving.Server(tmp_path_factory.mktemp("sieve"),
                            *out_options(smtp=sink.url(), replies_per_hour=1000))
    yield Rules(server, sink)
    server.close()


def test_without_a_script(rules):
    a = rules.account()
    rules.deliver(a, subject="one")
    assert rules.boxes(a) == {"INBOX": ["one"]}


def test_fileinto(rules):
    a = rules.account("""require ["fileinto", "mailbox", "imap4flags", "copy"];
        if header :contains "subject" "work" { fileinto :create :flags ["\\\\Seen", "todo"] "Work/Näher"; }
        elsif header :contains "subject" "both" { fileinto :create :copy "Copies"; }
        elsif header :contains "subject" "none" { discard; }
        elsif header :contains "subject" "gone" { fileinto "Not there"; }""")
    for subject in ("work 1", "work 2", "both", "none", "gone", "plain"):
        rules.deliver(a, subject=subject)
    boxes = rules.boxes(a)
    assert boxes["INBOX"] == ["before", "both", "gone", "plain"]
    assert boxes["Copies"] == ["both"] and boxes["Work/N&AOQ-her"] == ["work 1", "work 2"]
    c = rules.server.imaplib(a)
    c.select("Work/N&AOQ-her")
    flags = c.fetch("1", "(FLAGS)")[1][0]
    assert b"\\Seen" in flags and b"todo" in flags
    assert b"Copies" in b"".join(c.lsub()[1])


def test_redirect(rules, sink):
    a = rules.account('redirect "redirect@example.com";')
    m = rules.message(a, "onwards")
    rules.deliver(a, m)
    sender, octets = wait_for(lambda: sink.to("redirect@example.com"))[0]
    assert sender == SENDER
    assert octets.startswith(b"Delivered-To: %s\r\n" % a.name.encode()) and octets.endswith(m)
    assert rules.boxes(a) == {"INBOX": ["before"]}
    # it comes back: kept, not sent round again
    rules.deliver(a, octets)
    rules.deliver(a, subject="again")
    wait_for(lambda: len(sink.to("redirect@example.com")) == 2)
    assert rules.boxes(a) == {"INBOX": ["before", "onwards"]}


def test_redirect_to_oneself_is_kept(rules, sink):
    a = rules.account()
    rules.deliver(a, subject="before")
    rules.script(a, f'redirect "{a.name}";')
    rules.deliver(a, subject="mine")
    assert rules.boxes(a) == {"INBOX": ["before", "mine"]}


def test_redirects_in_a_circle_end(rules, sink):
    """Two that redirect to each other, over servers that know nothing of it; and a message that has come too far."""
    a, b = rules.account("keep;"), rules.account("keep;")
    rules.script(a, f'redirect "{b.name}";')
    rules.script(b, f'redirect "{a.name}";')
    assert rules.lmtp(a, rules.message(a, "round"))[0] == 250
    assert rules.lmtp(b, wait_for(lambda: sink.to(b.name))[0][1])[0] == 250
    assert rules.lmtp(a, wait_for(lambda: sink.to(a.name))[0][1])[0] == 250
    rules.quiet()
    assert len(sink.to(a.name)) == len(sink.to(b.name)) == 1
    assert "round" in rules.boxes(a)["INBOX"] and "round" not in rules.boxes(b)["INBOX"]
    received = "Received: from x by y; Thu, 1 Jan 2026 00:00:00 +0000\r\n"
    rules.deliver(b, subject="far", fields=received * 101)
    rules.quiet()
    assert len(sink.to(a.name)) == 1 and "far" in rules.boxes(b)["INBOX"]


def test_messages_of_the_same_octets_are_each_redirected(rules, sink):
    """A job's alarm, without Date or Message-ID, says the same each time: what was answered is done with, so the next one
    is another message."""
    a = rules.account('redirect "alarms@example.com";')
    for _ in range(3):
        rules.deliver(a, b"Subject: alarm\n\nThe disk is full.\n")
    wait_for(lambda: len(sink.to("alarms@example.com")) >= 3)
    rules.quiet()
    assert len(sink.to("alarms@example.com")) == 3
    assert rules.boxes(a) == {"INBOX": ["before"]}


def test_refused_redirect_comes_back_to_the_sender(rules, sink):
    sink.answers["rcpt"]["full@example.com"] = "552 5.2.2 full"
    a = rules.account('redirect "full@example.com";')
    rules.deliver(a, subject="bounce", sender="bounced@example.net")
    sender, report = wait_for(lambda: sink.to("bounced@example.net"))[0]
    assert sender in NULL and b"Status: 5.2.2" in report and b"Subject: bounce" in report


def test_vacation(rules, sink):
    a = rules.account('require "vacation"; vacation :days 1 :subject "Weg für heute" "Ich bin nicht da.";')
    for i in range(3):
        rules.deliver(a, subject=f"question {i}", sender="asker@example.net")
    rules.deliver(a, subject="question", sender="other@example.net")
    wait_for(lambda: sink.to("other@example.net"))
    rules.quiet()
    replies = sink.to("asker@example.net")
    assert len(replies) == 1
    sender, reply = replies[0]
    assert sender in NULL
    for part in (b"From: <%s>\r\n" % a.name.encode(), b"To: <asker@example.net>\r\n", b"Auto-Submitted: auto-replied\r\n",
                 b"\r\nSubject: =?UTF-8?B?", b"\r\nIn-Reply-To: <", b"\r\nReferences: <", b"Ich bin nicht da."):
        assert part in reply, part
    assert len(rules.boxes(a)["INBOX"]) == 5


@pytest.mark.parametrize("fields,sender", [
    ("", ""), ("", "MAILER-DAEMON@example.net"), ("", "list-request@example.net"), ("", "owner-list@example.net"),
    ("Precedence: bulk\r\n", "v@example.net"), ("List-Id: <l.example.net>\r\n", "v@example.net"),
    ("Auto-Submitted: auto-replied\r\n", "v@example.net")])
def test_vacation_answers_no_machine(rules, sink, fields, sender):
    a = rules.account('require "vacation"; vacation "Away.";')
    before = len(sink.mails)
    rules.deliver(a, subject="robot", fields=fields, sender=sender)
    rules.quiet()
    assert len(sink.mails) == before


def test_vacation_only_when_named(rules, sink):
    a = rules.account('require "vacation"; vacation "Away.";')
    before = len(sink.mails)
    m = rules.message(a, "bcc").replace(f"To: {a.name}".encode(), b"To: somebody@example.net")
    rules.deliver(a, m)
    rules.quiet()
    assert len(sink.mails) == before


def test_two_who_are_away_do_not_answer_one_another_for_ever(rules, sink):
    a = rules.account('require "vacation"; vacation "Away.";')
    rules.deliver(a, subject="start", sender="partner@example.net")
    _, reply = wait_for(lambda: sink.to("partner@example.net"))[0]
    rules.deliver(a, reply, sender="")  # the other one's answer looks like ours
    rules.deliver(a, reply, sender="partner2@example.net")
    rules.quiet()
    assert len(sink.to("partner@example.net")) == 1 and sink.to("partner2@example.net") == []


def test_duplicate(rules):
    a = rules.account("""require ["duplicate", "fileinto", "mailbox"];
        if duplicate { fileinto :create "Seen before"; }""")
    m = rules.message(a, "twice")
    for _ in range(3):
        rules.deliver(a, m)
    rules.deliver(a, subject="other")
    assert rules.boxes(a) == {"INBOX": ["before", "twice", "other"], "Seen before": ["twice"] * 2}


def give_both(account, rules, message):
    """What is answered for demo+a and demo+b, in one transaction."""
    user, domain = account.name.split("@")
    with smtplib.LMTP("127.0.0.1", rules.server.info["ports"]["lmtp"], timeout=60) as s:
        s.ehlo_or_helo_if_needed()
        s.mail(SENDER)
        for detail in "ab":
            assert s.rcpt(f"{user}+{detail}@{domain}")[0] == 250
        first = s.data(message)[0]
        return first, s.getreply()[0]


@pytest.mark.parametrize("last", ("", ":last"))
def test_no_duplicate_of_what_failed(own_server, sink, last):
    """RFC 7352 section 3: the test is true by mistake never, or mail is lost."""
    rules = Rules(own_server(*out_options(smtp=sink.url(), queue=1, retry="1h", retry_max="1h")), sink)
    to = f"twins{last.strip(':')}@example.com"
    a = rules.account(f"""require "duplicate"; if duplicate {last} {{ discard; stop; }} redirect "{to}";""")
    m = rules.message(a, "twins" + last)
    sink.answers["mail"] = "451 not now"
    try:
        rules.deliver(a, subject="fills the queue" + last)
        assert give_both(a, rules, m) == (451, 451)
    finally:
        sink.answers["mail"] = None
    rules.server.fumi("out", "retry")
    rules.quiet()
    assert len(sink.to(to)) == 1
    assert give_both(a, rules, m) == (250, 250)
    rules.quiet()
    assert sorted(b"Subject: twins" in octets for _, octets in sink.to(to)) == [False, True]


def test_reject_and_ereject(rules, sink):
    a = rules.account("""require ["reject", "ereject"];
        if header :contains "subject" "one" { ereject "We do not want this."; }
        elsif header :contains "subject" "two" { reject "Wir möchten das nicht."; }
        elsif header :contains "subject" "three" { reject "No, thanks."; }""")
    code, text = rules.lmtp(a, rules.message(a, "one"))
    assert code == 550 and "We do not want this." in text and "5.7.1" in text
    code, text = rules.lmtp(a, rules.message(a, "two"), sender="rejected@example.net")
    assert code == 250
    sender, report = wait_for(lambda: sink.to("rejected@example.net"))[0]
    assert sender in NULL
    for part in (b"report-type=disposition-notification", b"Disposition: automatic-action/MDN-sent-automatically; deleted",
                 b"Wir m=C3=B6chten das nicht.", b"Final-Recipient: rfc822; " + a.name.encode(), b"Subject: two"):
        assert part in report, part
    code, text = rules.lmtp(a, rules.message(a, "three"))
    assert code == 550 and "No, thanks." in text
    assert b"We do not want this." in rules.refused(a, "one by hand")  # whoever calls it bounces it
    assert b"No, thanks." in rules.refused(a, "three by hand", "-t")
    rules.deliver(a, subject="two by hand", sender="byhand@example.net")
    assert b"Wir m=C3=B6chten" in wait_for(lambda: sink.to("byhand@example.net"))[0][1]
    assert rules.boxes(a) == {"INBOX": ["before"]}


def test_reject_where_nothing_can_be_sent(own_server):
    rules = Rules(own_server(), None)
    a = rules.account("""require ["reject", "ereject", "fileinto", "mailbox", "copy"];
        if header :contains "subject" "one" { ereject "We do not want this."; }
        elsif header :contains "subject" "two" { reject "Wir möchten das nicht."; }
        elsif header :contains "subject" "four" { fileinto :create "Work"; reject "No."; }
        else { reject "No, thanks."; }""")
    assert b"We do not want this." in rules.refused(a, "one")
    assert b"refuse this message" in rules.refused(a, "two")  # no MDN: other words are better than none
    assert b"No, thanks." in rules.refused(a, "three")
    assert rules.lmtp(a, rules.message(a, "two"))[0] == 550
    rules.server.close()  # and the same without a server
    assert b"We do not want this." in rules.refused(a, "one")
    assert b"refuse this message" in rules.refused(a, "two")
    assert b"No, thanks." in rules.refused(a, "three")


LISTS = """require ["reject", "fileinto", "mailbox"];
    if address :domain "from" ["friends.example", "example.com"] { keep; }
    elsif address :domain "from" ["spam.example", "bulk.example"] { reject "No mail from your domain."; }
    else { fileinto :create "Others"; }"""


def test_lists_of_domains(rules):
    """Domains that are let in, domains that are refused, and the rest."""
    a = rules.account(LISTS)
    for domain in ("friends.example", "FRIENDS.example", "spam.example", "Bulk.Example", "sub.spam.example", "x.example"):
        m = f"From: x <a@{domain}>\nSubject: {domain}\n\nx\n".encode()
        if domain.lower() in ("spam.example", "bulk.example"):
            assert b"No mail from your domain." in rules.refused(a, domain, message=m)
            assert rules.lmtp(a, m)[0] == 550
        else:
            rules.deliver(a, message=m)
    assert rules.boxes(a) == {"INBOX": ["before", "friends.example", "FRIENDS.example"],
                              "Others": ["sub.spam.example", "x.example"]}


def test_refusals_of_several_lines(rules):
    """RFC 5429 section 2.5."""
    a = rules.account("""require ["reject", "ereject"];
        if header :contains "subject" "one" { ereject text:
AntiSpam engine thinks your message is spam.
It is therefore being refused.
Please call 1-900-PAY-US if you want to reach us.
.
; } else { reject "one\r\n\r\nthree %s"; }""" % ("word " * 60))
    code, text = rules.lmtp(a, rules.message(a, "one"))
    assert (code, text.split("\n")) == (550, [f"5.7.1 <{a.name}> AntiSpam engine thinks your message is spam.",
                                              "5.7.1 It is therefore being refused.",
                                              "5.7.1 Please call 1-900-PAY-US if you want to reach us."])
    code, text = rules.lmtp(a, rules.message(a, "two"))
    lines = text.split("\n")
    assert code == 550 and len(lines) == 4 and all(x.startswith("5.7.1") for x in lines)
    assert " ".join(x[6:] for x in lines).split()[-60:] == ["word"] * 60
    assert rules.boxes(a) == {"INBOX": ["before"]}


def test_long_refusals_and_a_slow_reader(rules):
    """More than the server keeps for one that does not read: the rest waits, and every line comes."""
    lines = [f"line {i} " + "x" * 110 for i in range(30)]
    a = rules.account('require "ereject"; ereject text:\n%s\n.\n;' % "\n".join(lines))
    n = 700
    c = socket.socket()
    c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    c.settimeout(60)
    c.connect(("127.0.0.1", rules.server.ports["lmtp"]))
    with c, c.makefile("rb") as f:
        c.sendall(b"LHLO x\r\nMAIL FROM:<s@example.net>\r\n" + f"RCPT TO:<{a.name}>\r\n".encode() * n + b"DATA\r\n")
        while not f.readline().startswith(b"354"):
            pass
        c.sendall(rules.message(a, "slow") + b".\r\nQUIT\r\n")
        time.sleep(1)
        got = f.read().decode().split("\r\n")
    assert len(got) == 30 * n + 2 and got[-2].startswith("221")
    for i in range(n):
        one = got[30 * i:30 * i + 30]
        assert one[0] == f"550-5.7.1 <{a.name}> {lines[0]}" and one[-1] == f"550 5.7.1 {lines[-1]}"
        assert one[1:-1] == [f"550-5.7.1 {x}" for x in lines[1:-1]]


def test_notify(rules, sink):
    a = rules.account("""require ["enotify", "fileinto", "mailbox"];
        notify :message "mail from alice" :importance "1" "mailto:pager@example.com?x-tag=mail&body=Come%20here";
        fileinto :create "Told";""")
    rules.deliver(a, subject="look")
    sender, note = wait_for(lambda: sink.to("pager@example.com"))[0]
    assert sender == a.name
    for part in (b"Auto-Submitted: auto-notified;\r\n\towner-email=\"%s\"" % a.name.encode(), b"To: <pager@example.com>",
                 b"Subject: mail from alice", b"Importance: high", b"X-tag: mail", b"\r\n\r\nCome here"):
        assert part in note, part
    rules.deliver(a, subject="robot", fields="Auto-Submitted: auto-notified\r\n")
    rules.quiet()
    assert len(sink.to("pager@example.com")) == 1
    assert rules.boxes(a)["Told"] == ["look", "robot"]


@pytest.mark.parametrize("order", ("notify ereject", "ereject notify"))
def test_notify_of_what_is_refused(rules, sink, order):
    pager = order.replace(" ", "-") + "@example.com"
    actions = {"notify": f'notify "mailto:{pager}";', "ereject": 'ereject "We do not want this.";'}
    a = rules.account('require ["enotify", "ereject"]; ' + " ".join(actions[x] for x in order.split()))
    code, text = rules.lmtp(a, rules.message(a, "look"))
    assert code == 550 and "We do not want this." in text
    assert len(wait_for(lambda: sink.to(pager))) == 1
    rules.quiet()
    assert len(sink.to(pager)) == 1 and sink.to(SENDER) == []
    assert rules.boxes(a) == {"INBOX": ["before"]}


def test_broken_script(rules):
    a = rules.account('require "fileinto";\nfileinto "Nowhere"')
    rules.deliver(a, subject="one")
    rules.deliver(a, subject="two")
    boxes = rules.boxes(a)["INBOX"]
    assert boxes == ["before", "one", "Your Sieve script has an error", "two"]
    c = rules.server.imaplib(a)
    c.select("INBOX")
    note = c.fetch("3", "(BODY[TEXT])")[1][0][1].decode()
    assert '"main"' in note and "line 2" in note
    c.logout()
    # a good one, then another broken one: the good one goes on
    rules.script(a, 'require ["fileinto", "mailbox"]; fileinto :create "Good";')
    rules.deliver(a, subject="three")
    rules.script(a, 'require "nothing";')
    rules.deliver(a, subject="four")
    rules.deliver(a, subject="five")
    boxes = rules.boxes(a)
    assert boxes["Good"] == ["three", "four", "five"]
    assert boxes["INBOX"].count("Your Sieve script has an error") == 2


def test_include_of_ones_own(rules):
    a = rules.account('require "include"; include :personal "part";')
    rules.deliver(a, subject="missing")
    rules.script(a, 'require ["fileinto", "mailbox"]; fileinto :create "Part";', name="part")
    rules.script(a, 'require "include"; include :personal "part";')
    rules.deliver(a, subject="there")
    assert rules.boxes(a) == {"INBOX": ["before", "missing"], "Part": ["there"]}


def test_edited(rules):
    a = rules.account("""require ["editheader", "fileinto", "mailbox", "copy"];
        fileinto :create :copy "As it came"; addheader "X-Sorted" "yes";""")
    rules.deliver(a, subject="edit")
    c = rules.server.imaplib(a)
    for box, want in (('"As it came"', False), ("INBOX", True)):
        c.select(box)
        last = c.search(None, "ALL")[1][0].split()[-1]
        assert (b"X-Sorted: yes" in c.fetch(last, "(BODY[HEADER])")[1][0][1]) == want


def test_many_at_once(rules, sink):
    """Each is redirected once and stored once, though they share commits."""
    a = rules.account('require ["copy", "fileinto", "mailbox"]; redirect :copy "many@example.com"; '
                      'fileinto :create "Many";')
    fumi = [rules.server.info["fumi"], "-c", rules.server.info["conf"], "deliver", "-d", a.name, "-f", SENDER]
    running = []
    for i in range(40):
        p = subprocess.Popen(fumi, stdin=subprocess.PIPE)
        p.stdin.write(rules.message(a, f"many {i}", fields=f"number: {i}\r\n"))
        p.stdin.close()
        running.append(p)
    assert [p.wait(60) for p in running] == [0] * 40
    rules.quiet()
    assert sorted(rules.boxes(a)["Many"]) == sorted(f"many {i}" for i in range(40))
    assert len(sink.to("many@example.com")) == 40


def test_out_is_away(rules, sink):
    """Without the process that sends, mail waits at whoever brings it; nothing is lost, nothing doubled."""
    a = rules.account('redirect "away@example.com";')
    (out,) = [p for p in rules.server.processes("fumi-out")]
    os.kill(out, 9)
    statuses = set()
    end = time.monotonic() + 30
    while not sink.to("away@example.com"):
        assert time.monotonic() < end
        r = subprocess.run([rules.server.info["fumi"], "-c", rules.server.info["conf"], "deliver", "-d", a.name, "-f",
                            SENDER], input=rules.message(a, "patience"), capture_output=True)
        statuses.add(r.returncode)
        time.sleep(0.1)
    assert statuses <= {0, 75}
    assert rules.boxes(a) == {"INBOX": ["before"]}
    rules.quiet()
    assert len(sink.to("away@example.com")) == 1


def test_through_a_program(own_server, tmp_path):
    script = tmp_path / "sendmail"
    script.write_text(f"#!/bin/sh\nd=$(mktemp -d {tmp_path}/out.XXXXXX)\nfor a; do echo \"$a\"; done >$d/args\n"
                      "cat >$d/message\ntouch $d/done\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    for p in (tmp_path, *list(tmp_path.parents)[:2]):
        os.chmod(p, 0o777)
    s = own_server("--set", f'out/sendmail="{script} -i"')
    rules = Rules(s, None)
    a = rules.account('redirect "bob@example.com";')
    rules.deliver(a, subject="by a program")
    (done,) = wait_for(lambda: list(tmp_path.glob("out.*/done")))
    assert (done.parent / "args").read_text().split("\n") == ["-i", "-f", SENDER, "--", "bob@example.com", ""]
    assert b"Subject: by a program\n" in (done.parent / "message").read_bytes()


def test_nothing_configured_keeps(own_server):
    rules = Rules(own_server(), None)
    a = rules.account('redirect "bob@example.com";')
    rules.deliver(a, subject="stays")
    assert rules.boxes(a) == {"INBOX": ["before", "stays"]}


def test_the_administrators_scripts(own_server, tmp_path):
    for name, scripts in {
        "before": {"10-spam": 'if header :contains "subject" "spam" { discard; }',
                   "20-mark": 'require "imap4flags"; if header :contains "subject" "mark" { keep :flags "marked"; }',
                   "ignored.txt": None},
        "after": {"last": 'require ["fileinto", "mailbox"]; fileinto :create "Rest";'},
        "global": {"shared": 'require ["fileinto", "mailbox"]; if header :contains "subject" "shared" '
                             '{ fileinto :create "Shared"; }'},
    }.items():
        (tmp_path / name).mkdir()
        for script, text in scripts.items():
            path = tmp_path / name / (script if text is None else script + ".sieve")
            path.write_text(text or "no script at all")
            path.chmod(0o600)
    s = own_server(*[x for k in ("before", "after", "global") for x in ("--set", f"sieve/{k}={tmp_path / k}")])
    rules = Rules(s, None)
    a = rules.account('require ["include", "fileinto", "mailbox"]; include :global "shared"; '
                      'if header :contains "subject" "mine" { fileinto :create "Mine"; }')
    for subject in ("spam", "mark", "shared", "mine", "other"):
        rules.deliver(a, subject=subject)
    want = {"INBOX": ["mark"], "Rest": ["before", "other"], "Shared": ["shared"], "Mine": ["mine"]}
    assert rules.boxes(a) == want
    # they are read again on SIGHUP
    (tmp_path / "before" / "10-spam.sieve").write_text('if header :contains "subject" "other" { discard; }')
    os.kill(s.processes("fumi-master")[0], 1)
    wait_for(lambda: "reload text=done" in s.log())
    time.sleep(2.5)  # the delivery process that is there ends
    rules.deliver(a, subject="other")
    rules.deliver(a, subject="spam")
    want["Rest"].append("spam")
    assert rules.boxes(a) == want


def test_killed_while_sorting(own_server, sink):
    """Deliveries, and the process that sends, die at any moment; who brings the message tries again until it is taken:
    then it is in the mailbox and sent on, and not more often than something died."""
    rules = Rules(own_server("--set", f"out/smtp={sink.url()}", "--set", "out/smtp-tls=never",
                             "--set", "out/retry=1s", "--set", "out/retry-max=1s"), sink)
    a = rules.account('require ["fileinto", "mailbox", "copy"]; fileinto :create :copy "Sorted"; '
                      'redirect "killed@example.com";')
    fumi = [rules.server.info["fumi"], "-c", rules.server.info["conf"], "deliver", "-d", a.name, "-f", SENDER]
    end, n, deaths = time.monotonic() + 12, 0, 0
    while time.monotonic() < end:
        message = rules.message(a, f"kill {n}", fields=f"number: {n}\r\n")
        n += 1
        while True:
            p = subprocess.Popen(fumi, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
            p.stdin.write(message)
            p.stdin.close()
            time.sleep((n * 7 % 23) / 1000)
            deaths += rules.server.kill_those("fumi-delivery" if n % 3 else "fumi-out")
            if p.wait(60) == 0:
                break
    rules.quiet()
    got = {}
    for _, octets in sink.to("killed@example.com"):
        number = int(octets.split(b"\nnumber: ")[1].split()[0])
        got[number] = got.get(number, 0) + 1
    assert sorted(got) == list(range(n)), "lost"
    stored = rules.boxes(a)["Sorted"]
    assert {f"kill {i}" for i in range(n)} == set(stored)
    # a sender that dies after the server has said 250 sends again, and so does who brings what was stored but not
    # answered: that is all that may double
    assert sum(got.values()) - n <= deaths
    assert deaths > 10
