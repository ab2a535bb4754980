"""fumi sieve: scripts over mail that is there already, and test files."""
import imaplib
import os

from serving import ROOT, message

SCRIPT = b"""require ["fileinto", "mailbox", "imap4flags", "editheader"];
if header "subject" "bill" { fileinto :create "Bills"; }
elsif header "subject" "star" { addflag "\\\\Flagged"; }
elsif header "subject" "tag" { addheader "X-Tag" "yes"; }
elsif header "subject" "junk" { discard; }
elsif header "subject" "away" { redirect "elsewhere@example.org"; }
"""


def mail(server, account, *subjects):
    for s in subjects:
        server.fumi("deliver", "-d", account.name, input=message(s))


def box(server, account, name="INBOX"):
    """Subjects and flags."""
    c = server.imaplib(account)
    try:
        if c.select(name, readonly=True)[0] != "OK":
            return None
        got = c.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT X-TAG)])")[1]
        return sorted((p[1].strip(), b"\\Flagged" in p[0], b"\\Seen" in p[0]) for p in got if isinstance(p, tuple))
    finally:
        c.logout()


def test_run_over_existing_mail(server, account, tmp_path):
    mail(server, account, "bill", "star", "tag", "junk", "away", "other")
    c = server.imaplib(account)
    c.select("INBOX")
    c.store("1", "+FLAGS", "\\Seen")
    c.logout()
    before = box(server, account)
    script = tmp_path / "s.sieve"
    script.write_bytes(SCRIPT)
    said = server.fumi("sieve", "run", "-u", account.name, "--dry-run", "--script", str(script))
    assert b"1: file into Bills\n" in said and b"2: keep, with new flags\n" in said, said
    assert b"3: replace by its edited form\n" in said and b"not sent" in said, said
    assert box(server, account) == before and box(server, account, "Bills") is None
    said = server.fumi("sieve", "run", "-u", account.name, "--since", "1d", "--script", str(script))
    assert b"6 messages, 3 changed, 0 errors" in said, said
    assert box(server, account, "Bills") == [(b"Subject: bill", False, True)]  # its flags went along
    got = {s.split(b"\r\n")[-1] if b"X-Tag" not in s else b"tagged": f for s, f, _ in box(server, account)}
    assert got == {b"Subject: star": True, b"tagged": False, b"Subject: junk": False, b"Subject: away": False,
                   b"Subject: other": False}, got
    server.fumi("verify", "-u", account.name)


def flags_of(server, account, name="INBOX"):
    """{subject: flags}"""
    c = server.imaplib(account)
    try:
        if c.select(name, readonly=True)[0] != "OK":
            return None
        got = c.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        return {p[1].strip().split(b": ")[1].decode(): {f.decode() for f in imaplib.ParseFlags(p[0])} - {"\\Recent"}
                for p in got if isinstance(p, tuple)}
    finally:
        c.logout()


def test_run_keeps_other_flags(server, account, tmp_path):
    mail(server, account, "add", "remove", "move", "set", "edit")
    c = server.imaplib(account)
    c.select("INBOX")
    c.store("1:*", "+FLAGS", "(\\Seen todo $Label1)")
    c.logout()
    script = tmp_path / "s.sieve"
    script.write_bytes(b"""require ["fileinto", "mailbox", "imap4flags", "editheader"];
        if not hasflag "\\\\Seen" { discard; }
        elsif header "subject" "add" { addflag "\\\\Flagged"; }
        elsif header "subject" "remove" { removeflag "todo"; }
        elsif header "subject" "move" { addflag "\\\\Flagged"; fileinto :create "Moved"; }
        elsif header "subject" "set" { setflag "done"; fileinto :create "Moved"; }
        elsif header "subject" "edit" { addheader "X-New" "1"; }""")
    said = server.fumi("sieve", "run", "-u", account.name, "--script", str(script))
    assert b"5 messages, 5 changed, 0 errors" in said, said
    rest = {"\\Seen", "todo", "$Label1"}
    assert flags_of(server, account) == {"add": rest | {"\\Flagged"}, "remove": rest - {"todo"}, "edit": rest}
    assert flags_of(server, account, "Moved") == {"move": rest | {"\\Flagged"}, "set": {"done"}}
    server.fumi("verify", "-u", account.name)


def test_run_knows_the_sender_or_that_it_does_not(server, account, tmp_path):
    server.fumi("deliver", "-d", account.name, "-f", "ann@example.net", input=message("from ann"))
    server.fumi("deliver", "-d", account.name, "-f", "", input=message("from nobody"))
    c = server.imaplib(account)
    c.append("INBOX", None, None, message("unknown"))
    c.logout()
    script = tmp_path / "s.sieve"
    script.write_bytes(b"""require ["fileinto", "mailbox", "envelope"];
        if envelope "from" "ann@example.net" { fileinto :create "Ann"; }
        elsif envelope "from" "" { fileinto :create "Null"; }""")
    server.fumi("sieve", "run", "-u", account.name, "--script", str(script))
    assert [list(flags_of(server, account, b)) for b in ("Ann", "Null", "INBOX")] == \
        [["from ann"], ["from nobody"], ["unknown"]]


def test_run_asks_and_adds_no_memory(server, account, tmp_path):
    script = tmp_path / "s.sieve"
    script.write_bytes(b"""require ["fileinto", "mailbox", "duplicate", "vacation", "copy"];
        vacation :addresses "demo@example.org" "away";
        if duplicate { fileinto :create "Again"; } else { fileinto :create :copy "First"; }""")
    mail(server, account, "one", "one")
    memory = os.path.join(account.dir, "sieve", "memory")
    for _ in range(2):
        said = server.fumi("sieve", "run", "-u", account.name, "--script", str(script))
        assert b"0 errors" in said and not os.path.exists(memory), said
    assert box(server, account, "Again") is None and len(box(server, account, "First")) == 4


def test_run_leaves_what_cannot_be_filed(server, account, tmp_path):
    mail(server, account, "copy", "move", "edit")
    script = tmp_path / "s.sieve"
    script.write_bytes(b"""require ["fileinto", "copy", "editheader"];
        if header "subject" "copy" { fileinto :copy "Missing"; }
        elsif header "subject" "edit" { addheader "X-New" "1"; fileinto :copy "Missing"; }
        else { fileinto "Missing"; }""")
    said = server.fumi("sieve", "run", "-u", account.name, "--dry-run", "--script", str(script))
    assert b"1: stay, as there is no mailbox Missing\n" in said, said
    for _ in range(2):
        server.fumi("sieve", "run", "-u", account.name, "--script", str(script))
        assert sorted(flags_of(server, account)) == ["copy", "edit", "move"]
        assert len(box(server, account)) == 3
    server.fumi("verify", "-u", account.name)


def run_in(server, account, name, script, *options, status=0):
    return server.fumi("sieve", "run", "-u", account.name, "--mailbox", name, "--script", script, *options, status=status)


def test_run_leaves_what_no_mailbox_can_be_made_for(server, account, tmp_path):
    """A delivery would put it into INBOX."""
    names = {"empty": "a//b", "end": "a/", "levels": "/".join("x" * 40)}
    mail(server, account, "before")
    c = server.imaplib(account)
    c.create("Old")
    for subject in [*names, "copies", "edit", "good"]:
        c.append("Old", "(todo)", None, message(subject))
    c.logout()
    before = flags_of(server, account, "Old")
    script = tmp_path / "s.sieve"
    script.write_text('require ["fileinto", "mailbox", "copy", "editheader", "imap4flags"]; addflag "new";'
                      + "".join(f'if header "subject" "{s}" {{ fileinto :create "{n}"; stop; }}' for s, n in names.items())
                      + 'if header "subject" "edit" { addheader "X-New" "1"; fileinto :create "a//b"; stop; }'
                      + 'if header "subject" "copies" { fileinto :create "Half"; fileinto :create "a//b"; stop; }'
                      + 'fileinto :create "Good";')
    said = run_in(server, account, "Old", str(script), "--dry-run")
    assert b"1: stay, as no mailbox can have the name a//b\n" in said and b"6: file into Good\n" in said, said
    assert b"Half" not in said and said.count(b": stay") == 5 and flags_of(server, account, "Old") == before, said
    said = run_in(server, account, "Old", str(script), status=65)
    assert b"message 1: it stays" in said and b"6 messages, 1 changed, 5 errors" in said, said
    assert flags_of(server, account, "Good") == {"good": {"todo", "new"}}
    assert flags_of(server, account, "Old") == {s: f for s, f in before.items() if s != "good"}
    assert list(flags_of(server, account)) == ["before"] and flags_of(server, account, "Half") is None
    server.fumi("verify", "-u", account.name)


def test_run_says_what_is_wrong(server, account, tmp_path):
    mail(server, account, "x")
    script = tmp_path / "s.sieve"
    script.write_bytes(b'if header "x" "y" {\n  fly;\n}\n')
    assert b":2:3: " in server.fumi("sieve", "run", "-u", account.name, "--script", str(script), status=65)
    assert b"no active script" in server.fumi("sieve", "run", "-u", account.name, status=66)
    assert b":2:3: " in server.fumi("sieve", "compile", str(script), status=65)
    server.fumi("sieve", "run", "-u", account.name, "--since", "30", status=64)
    server.fumi("sieve", "run", "-u", "nobody@example.org", "--script", "/dev/null", status=67)


def test_the_test_mode(server, tmp_path):
    bad = tmp_path / "t.svtest"
    bad.write_text('require "vnd.dovecot.testsuite";\ntest "one" {\n}\ntest "two" {\n\ttest_fail "no";\n}\n')
    said = server.fumi("sieve", "test", str(bad), status=1)
    assert said == b"ok one\nnot ok two: no (%s:5)\n1 passed, 1 failed\n" % str(bad).encode()
    assert b"vacation\n" in server.fumi("sieve", "extensions")
    assert os.path.isdir(os.path.join(ROOT, "tests/sieve"))
