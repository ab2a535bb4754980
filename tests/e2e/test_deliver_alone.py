"""fumi deliver where no server runs: the account's rules do the same as with one, and what they send waits in the queue
for the next server."""
import collections
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

pytest.importorskip("aiosmtpd")
from serving import others_can_run, wait_for  # noqa: E402

SENDER = "alice@example.net"
ELSEWHERE = "elsewhere@example.com"


def mail(subject, to="demo@example.org"):
    return (f"From: {SENDER}\nTo: {to}\nSubject: {subject}\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n"
            f"Message-ID: <{subject.replace(' ', '.')}@example.net>\n\nHello.\n").encode()


class Alone:
    """State of a server that has ended, with an account that has one message, "before"."""

    def __init__(self, server):
        self.server, self.account = server, server.account()
        self.deliver(mail("before"))
        server.close()
        self.queue = os.path.join(server.dir, "state", "out")
        self.exports = 0

    def deliver(self, message, *args, status=0, sender=SENDER, to=None):
        return self.server.fumi("deliver", "-f", sender, *args, "-d", to or self.account.name, input=message,
                                status=status).decode()

    def own(self, *paths):
        st = os.stat(self.account.dir)
        for path in paths:
            os.chown(path, st.st_uid, st.st_gid)

    def script(self, text, name="main"):
        d = os.path.join(self.account.dir, "sieve")
        os.makedirs(d, 0o700, exist_ok=True)
        for file, content in ((f"{name}.sieve", text), ("active", name + "\n")):
            with open(os.path.join(d, file), "w") as f:
                f.write(content)
            self.own(os.path.join(d, file))
        self.own(d)

    def set(self, section, key, value):
        with open(self.server.info["conf"]) as f:
            text = re.sub(rf"(?m)(?<=^\[{section}\]\n)((?:[^\[\n].*\n)*?){key} = .*\n", r"\1", f.read())
        head = f"[{section}]\n"
        text = text.replace(head, f"{head}{key} = {value}\n") if head in text else text + f"\n{head}{key} = {value}\n"
        with open(self.server.info["conf"], "w") as f:
            f.write(text)

    def boxes(self):
        """{mailbox: [subjects]} without the empty ones."""
        self.exports += 1
        to = os.path.join(self.server.dir, f"export{self.exports}")
        self.server.fumi("export", "-u", self.account.name, "--format", "eml", to)
        found = collections.defaultdict(list)
        for d, _, files in os.walk(to):
            for f in sorted(f for f in files if f.endswith(".eml")):
                with open(os.path.join(d, f), "rb") as m:
                    found[os.path.relpath(d, to)].append(re.search(rb"^Subject: (.*?)\r?$", m.read(), re.M)[1].decode())
        return dict(found)

    def subjects(self):
        return sorted(s for box in self.boxes().values() for s in box)

    def queued(self):
        """The octets of what waits."""
        if not os.path.isdir(self.queue):
            return []
        out = []
        for name in sorted(os.listdir(self.queue)):
            if name.endswith(".m"):
                with open(os.path.join(self.queue, name), "rb") as f:
                    out.append(f.read())
        return out

    def serve(self):
        return subprocess.Popen([self.server.info["fumi"], "-c", self.server.info["conf"], "serve"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def alone(own_server, sink):
    sink.mails.clear()
    path = tempfile.mkdtemp(prefix="fumi-alone-")
    os.chmod(path, 0o711)  # others must get to the configuration
    yield Alone(own_server("--set", f"out/smtp={sink.url()}", "--set", "out/smtp-tls=never",
                           "--set", "server/hostname=mail.example.org", directory=os.path.join(path, "server")))
    shutil.rmtree(path, ignore_errors=True)


def test_rules(alone):
    alone.script("""require ["fileinto", "mailbox", "imap4flags"];
        if header :contains "subject" "work" { fileinto :create "Work"; }
        elsif header :contains "subject" "none" { discard; }
        elsif header :contains "subject" "both" { fileinto :create "Work"; keep; }""")
    for subject in ("work", "none", "both", "plain"):
        alone.deliver(mail(subject))
    boxes = alone.boxes()
    (work,) = [v for k, v in boxes.items() if "Work" in k]
    assert work == ["work", "both"] and alone.subjects() == ["before", "both", "both", "plain", "work"]
    assert alone.queued() == []
    alone.server.fumi("verify", "-u", alone.account.name)


def test_rules_of_the_administrator(alone, tmp_path):
    for kind, text in (("before", 'if header :contains "subject" "spam" { discard; stop; }'),
                       ("global", 'require "fileinto"; require "mailbox"; fileinto :create "Shared";')):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "one.sieve").write_text(text)
        alone.set("sieve", kind, tmp_path / kind)
    alone.script('require "include"; include :global "one";')
    alone.deliver(mail("spam"))
    alone.deliver(mail("other"))
    assert alone.subjects() == ["before", "other"] and any("Shared" in box for box in alone.boxes())
    (tmp_path / "before" / "one.sieve").unlink()
    (tmp_path / "before").rmdir()
    assert str(tmp_path / "before") in alone.deliver(mail("later"), status=75)  # nobody knows what they would say
    assert alone.subjects() == ["before", "other"]


def test_extensions_that_are_off(alone):
    alone.set("sieve", "disabled", "fileinto")
    alone.script('require "fileinto"; fileinto "Work"; discard;')
    alone.deliver(mail("kept"))
    assert "kept" in alone.subjects()


def test_what_leaves_waits_for_a_server(alone, sink):
    alone.script(f"""require ["copy", "vacation"];
        if header :contains "subject" "send" {{ redirect "{ELSEWHERE}"; }}
        else {{ redirect :copy "{ELSEWHERE}"; vacation :addresses "demo@example.org" "I am away."; }}""")
    alone.deliver(mail("send"))
    assert len(alone.queued()) == 1 and alone.subjects() == ["before"]
    alone.deliver(mail("copy"))
    assert len(alone.queued()) == 3 and alone.subjects() == ["before", "copy"]
    alone.deliver(mail("again"))  # the reply is remembered
    assert len(alone.queued()) == 4 and alone.subjects() == ["again", "before", "copy"]
    owner = os.stat(alone.queue).st_uid
    for name in os.listdir(alone.queue):
        st = os.stat(os.path.join(alone.queue, name))
        assert st.st_uid == owner and st.st_mode & 0o777 == 0o600
    if os.geteuid() == 0:
        assert owner != 0
    server = alone.serve()
    try:
        wait_for(lambda: len(sink.to(ELSEWHERE)) == 3 and len(sink.to(SENDER)) == 1)
        wait_for(lambda: alone.queued() == [])
    finally:
        server.terminate()
        server.wait(60)
    assert all(sender == SENDER for sender, _ in sink.to(ELSEWHERE))
    assert b"I am away." in sink.to(SENDER)[0][1]


def test_rejected(alone):
    """The MTA is told, and tells the sender; words for which it needs a mail of its own go into the queue."""
    alone.script('require "reject"; reject "Not today.";')
    assert "Not today." in alone.deliver(mail("no"), status=69)
    assert alone.subjects() == ["before"] and alone.queued() == []
    alone.script('require "reject"; reject "Heute nicht, schön.";')
    alone.deliver(mail("no"))
    assert alone.subjects() == ["before"]
    (octets,) = alone.queued()
    assert b"Heute nicht, sch=C3=B6n." in octets and SENDER.encode() in octets


def test_the_same_octets(alone):
    """What was delivered is done with: the same once more is another message."""
    alone.script(f'redirect "{ELSEWHERE}";')
    for n in range(1, 4):
        alone.deliver(b"Subject: alarm\n\nThe disk is full.\n")
        assert len(alone.queued()) == n
    assert alone.subjects() == ["before"]


def test_no_way_out(alone):
    """The same as with a server: it is kept."""
    alone.set("out", "smtp", "")
    alone.script(f'redirect "{ELSEWHERE}";')
    alone.deliver(mail("kept"))
    assert alone.subjects() == ["before", "kept"] and alone.queued() == []


def test_no_queue(alone):
    """Put off, with the reason, and nothing is stored; what does not leave is not put off."""
    alone.script(f"""require ["copy", "vacation"];
        if header :contains "subject" "send" {{ redirect :copy "{ELSEWHERE}"; }}
        elsif header :contains "subject" "away" {{ vacation :addresses "demo@example.org" "I am away."; }}""")
    os.rename(alone.queue, alone.queue + ".away")
    with open(alone.queue, "w"):
        pass
    said = alone.deliver(mail("send"), status=75)
    assert "queue" in said and "Not a directory" in said
    assert alone.subjects() == ["before"]
    alone.deliver(mail("plain"))
    alone.deliver(mail("away"))  # a reply that cannot be made is no reason
    assert alone.subjects() == ["away", "before", "plain"]
    os.unlink(alone.queue)
    os.rename(alone.queue + ".away", alone.queue)
    alone.deliver(mail("send"))
    assert alone.subjects() == ["away", "before", "plain", "send"] and len(alone.queued()) == 1


def test_rates(alone):
    """What waits counts: a day's redirects are not more without a server."""
    alone.set("out", "redirects-per-day", "2")
    alone.script(f'redirect "{ELSEWHERE}";')
    for i in range(4):
        alone.deliver(mail(f"number {i}"))
    assert len(alone.queued()) == 2 and alone.subjects() == ["before", "number 2", "number 3"]


def test_other_places(alone):
    """-m MAILBOX is where goes what nobody files, -a DETAIL what a script sees."""
    alone.script("""require ["fileinto", "mailbox", "envelope", "subaddress"];
        if envelope :detail "to" "make" { fileinto :create "Made"; }""")
    alone.deliver(mail("make"), "-a", alone.account.name.replace("@", "+make@"))
    alone.deliver(mail("there"), "-m", "Made")
    assert "no such mailbox" in alone.deliver(mail("nowhere"), "-m", "Nowhere", status=73)
    (made,) = [v for k, v in alone.boxes().items() if "Made" in k]
    assert made == ["make", "there"] and alone.subjects() == ["before", "make", "there"]


def test_who_has_mail(alone):
    assert "no such account" in alone.deliver(mail("x"), to="nobody@example.org", status=67)
    alone.deliver(mail("detail"), to=alone.account.name.replace("@", "+detail@"))
    alone.server.fumi("account", "add", "fresh@example.org", input=b"secret word\n")
    alone.deliver(mail("first"), to="fresh@example.org")
    alone.server.fumi("account", "disable", alone.account.name)
    assert "disabled" in alone.deliver(mail("x"), status=77)
    assert alone.subjects() == ["before", "detail"]


@pytest.mark.skipif(not others_can_run(), reason="only root can be others")
def test_as_the_owner(alone):
    """Who may not write the queue has rules that do not send."""
    st = os.stat(alone.account.dir)

    def deliver(subject, uid=st.st_uid):
        return subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", alone.server.info["fumi"],
                               "-c", alone.server.info["conf"], "deliver", "-f", SENDER, "-d", alone.account.name],
                              input=mail(subject), capture_output=True)
    alone.script(f'if header :contains "subject" "send" {{ redirect "{ELSEWHERE}"; }}')
    assert deliver("plain").returncode == 0
    r = deliver("send")
    assert r.returncode == 75 and b"queue: Permission denied" in r.stderr, r.stderr
    assert deliver("plain", 65534).returncode == 75
    assert alone.subjects() == ["before", "plain"] and alone.queued() == []


def test_killed(alone):
    """Killed at any moment and brought again until it is taken, a message is there, and is sent, twice only when it is
    there twice."""
    alone.script(f'require "copy"; redirect :copy "{ELSEWHERE}";')
    command = [alone.server.info["fumi"], "-c", alone.server.info["conf"], "deliver", "-f", SENDER, "-d",
               alone.account.name]
    start = time.monotonic()
    alone.deliver(mail("measured"))
    took = time.monotonic() - start
    rounds = 16
    for i in range(rounds):
        p = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        p.stdin.write(mail(f"number {i}"))
        p.stdin.close()
        try:
            p.wait(took * 1.2 * i / rounds)
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
        if p.wait() != 0:
            alone.deliver(mail(f"number {i}"))
    alone.server.fumi("verify", "-u", alone.account.name)
    there = collections.Counter(alone.subjects())
    sent = collections.Counter(re.search(rb"^Subject: (.*?)\r$", m, re.M)[1].decode() for m in alone.queued())
    for i in range(rounds):
        assert there[f"number {i}"] in (1, 2), (i, there, sent)
        assert 1 <= sent[f"number {i}"] <= there[f"number {i}"], (i, there, sent)


def test_many_at_once(alone):
    """They take turns at the queue."""
    alone.script(f'require "copy"; redirect :copy "{ELSEWHERE}";')
    running = []
    for i in range(8):
        p = subprocess.Popen([alone.server.info["fumi"], "-c", alone.server.info["conf"], "deliver", "-f", SENDER, "-d",
                              alone.account.name], stdin=subprocess.PIPE)
        p.stdin.write(mail(f"number {i}"))
        p.stdin.close()
        running.append(p)
    assert [p.wait(60) for p in running] == [0] * 8
    assert len(alone.queued()) == 8 and len(alone.subjects()) == 9
