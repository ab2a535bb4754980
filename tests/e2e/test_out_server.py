"""What the process that sends mail makes of servers that are in trouble, or make it; and of a long queue."""
import base64
import os
import re
import shutil
import ssl
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

pytest.importorskip("aiosmtpd")
from serving import wait_for  # noqa: E402
from smtp_sink import Sink  # noqa: E402
from smtp_stub import Stub  # noqa: E402
from test_out import LATER, QUEUED, REFUSED, SENDER, TO, VACATION, Out, mail  # noqa: E402

HOUR = {"retry": "1h", "retry-max": "1h", "max-age": "4d"}


@pytest.fixture
def stub():
    s = Stub()
    yield s
    s.close()


@pytest.fixture
def out(tmp_path, stub):
    running = []

    def start(**settings):
        settings = {"smtp": f"smtp://127.0.0.1:{stub.port}", "smtp-tls": "never", **HOUR, **settings}
        running.append(Out(tmp_path, settings))
        return running[-1]
    yield start
    for o in running:
        o.close()


def tried(o, times=1):
    """The first row of which an attempt failed."""
    return wait_for(lambda: [r for r in o.list() if r["attempts"] >= times])[0]


STAGES = ["greet", "ehlo", "mail", "rcpt", "data", "dot"]


@pytest.mark.parametrize("what", ["hang", "close", "451 4.3.0 later", "550 5.7.1 no"])
def test_trouble_at_each_stage(out, stub, what):
    """Only a clear no to the message comes back, and once; all else waits and is sent once when the server is well."""
    o = out(timeout="1s", senders="1")
    for n, stage in enumerate(STAGES):
        stub.set({"ehlo": what, "helo": what} if stage == "ehlo" else {stage: what})
        assert o.give(mail(n)) == QUEUED
        if what.startswith("5") and stage in ("mail", "rcpt", "data", "dot"):
            wait_for(o.empty)
            [(sender, to, report)] = stub.take_mails()
            assert sender == "" and to == [SENDER.decode()]
            assert what.encode() in report and b"Status: 5.7.1" in report, (stage, report)
            continue
        row = tried(o)
        assert row["recipient"] == TO and (row["text"] == what.encode() or not what[0].isdigit()), (stage, row)
        assert row["text"] != b"" and stub.take_mails() == []
        stub.set({})
        assert o.ask(2) == 1
        wait_for(o.empty)
        [(sender, to, octets)] = stub.take_mails()
        assert (sender, to) == (SENDER.decode(), [TO.decode()]) and f"number: {n}\r\n".encode() in octets, stage


def test_each_recipient_has_its_own_answer(out, stub):
    o = out()
    stub.set({"rcpt": {"no@example.com": "550 5.1.1 who?", "later@example.com": "450 4.2.1 busy"}})
    assert o.give(mail(1), to=[b"yes@example.com", b"no@example.com", b"later@example.com"]) == QUEUED
    report = wait_for(lambda: stub.to(SENDER.decode()))[0]
    assert b"no@example.com" in report and b"later@example.com" not in report and b"yes@example.com" not in report
    row = tried(o)
    assert (row["recipient"], row["recipients"], row["text"]) == (b"later@example.com", 1, b"450 4.2.1 busy")
    assert o.ask(2) == 1
    tried(o, 2)
    assert len(stub.to("yes@example.com")) == 1 and len(stub.to(SENDER.decode())) == 1
    stub.set({})
    assert o.ask(2) == 1
    wait_for(o.empty)
    assert [len(stub.to(f"{a}@example.com")) for a in ("yes", "no", "later")] == [1, 0, 1]


def test_a_server_that_is_away_is_asked_once(out, stub):
    """Not for each recipient, and not for each message that waits."""
    o = out(timeout="1s", senders="1")
    stub.set({"greet": "hang"})
    assert o.give(mail(0), to=[b"%d@example.com" % i for i in range(5)]) == QUEUED
    tried(o)
    assert stub.connections == 1
    for n in range(1, 5):
        assert o.give(mail(n)) == QUEUED
    assert sorted(r["attempts"] for r in o.list()) == [0, 0, 0, 0, 1] and stub.connections == 1
    stub.set({})
    assert o.ask(2) == 5
    wait_for(o.empty)
    assert len(stub.mails) == 9


def test_server_has_no_extensions(out, stub):
    stub.extensions = ()
    o = out()
    assert o.give(mail(1)) == QUEUED
    wait_for(o.empty)
    assert stub.said("MAIL") == [f"MAIL FROM:<{SENDER.decode()}>"]
    stub.set({"ehlo": "502 what is that?"})
    assert o.give(mail(2)) == QUEUED
    wait_for(o.empty)
    assert stub.said("HELO") and len(stub.mails) == 2


def test_server_has_extensions(out, stub):
    o = out()
    assert o.give(mail(1), to=["ü@example.com".encode()]) == QUEUED
    wait_for(o.empty)
    [line] = stub.said("MAIL")
    assert " SMTPUTF8" in line and f" SIZE={len(mail(1))}" in line


def test_address_that_the_server_cannot_have(out, stub):
    """Nothing is said of it to a server without SMTPUTF8 (RFC 6531 section 3.2), and that is told."""
    stub.extensions = ()
    o = out()
    assert o.give(mail(1), to=["ü@example.com".encode(), TO]) == QUEUED
    wait_for(o.empty)
    assert len(stub.to(TO.decode())) == 1 and b"Status: 5.6.7" in stub.to(SENDER.decode())[0]
    assert not [line for line in stub.lines if not line.isascii()]


INNER = (b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
         b"Content-Type: text/plain\r\nContent-Description: \xc3\xbc\r\n\r\nx\r\n--b--\r\n")

EMBEDDED = (b"MIME-Version: 1.0\r\nContent-Type: multipart/report; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            b"--b\r\nContent-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            b"Subject: \xc3\xbc\r\n\r\nx\r\n--b--\r\n")


@pytest.mark.parametrize("came", [True, False])
@pytest.mark.parametrize("octets, eight, utf8", [
    (mail(1), False, False), (mail(1, "ü"), True, False), ("Subject: ü\r\n\r\nx\r\n".encode(), True, True),
    (INNER, True, True), (EMBEDDED, True, False), (b"Subject: \xfc\r\n\r\nx\r\n", True, False)])
def test_octets_above_127(out, stub, octets, eight, utf8, came):
    """BODY=8BITMIME says that there are some (RFC 6152), SMTPUTF8 that there are in a header (RFC 6531 section 3.5) of a
    message that came with it."""
    o = out()
    utf8 = utf8 and came
    assert o.give(octets, utf8=came) == QUEUED
    wait_for(o.empty)
    [line] = stub.said("MAIL")
    assert ("BODY=8BITMIME" in line, "SMTPUTF8" in line) == (eight, utf8) and stub.to(TO.decode()) == [octets]
    stub.extensions = ("SIZE 1000000", "8BITMIME")
    stub.send_away()
    assert o.give(octets, utf8=came) == QUEUED
    wait_for(o.empty)
    assert len(stub.to(TO.decode())) == 1 + (not utf8) and "SMTPUTF8" not in stub.said("MAIL")[1]
    if utf8:
        assert b"Status: 5.6.7" in stub.to(SENDER.decode())[0]


def test_quoted_local_parts(out, stub):
    """RFC 5321 section 4.1.2: as they are, through either way of sending."""
    o = out()
    for octets in (mail(1), mail(2, "ü")):
        assert o.give(octets, to=[b'"a b"@example.com'], sender=b'"x<y@z"@example.net') == QUEUED
    wait_for(lambda: len(stub.mails) == 2)
    said = sorted(line.split(" SIZE")[0].split(" BODY")[0] for line in stub.lines if line[:4] in ("MAIL", "RCPT"))
    assert said == ['MAIL FROM:<"x<y@z"@example.net>'] * 2 + ['RCPT TO:<"a b"@example.com>'] * 2, said


def test_connection_that_the_server_has_closed_meanwhile(out, stub):
    o = out(senders="1")
    for n in range(3):
        assert o.give(mail(n)) == QUEUED
        wait_for(o.empty)
        stub.send_away()
    assert len(stub.mails) == 3


def test_starttls_that_is_refused(out, stub):
    stub.extensions = ("STARTTLS",)
    o = out(**{"smtp-tls": "require"})
    assert o.give(mail(1)) == QUEUED
    tried(o)
    assert stub.said("STARTTLS") and stub.said("MAIL") == []


def secrets(*words):
    """As they stand in a dialogue, too."""
    return [w for s in words for w in (s, base64.b64encode(s), base64.b64encode(b"\0demo\0" + s))]


@pytest.mark.parametrize("tls", ["try", "require"])
def test_no_password_without_tls(out, stub, tmp_path, tls):
    stub.extensions = ("AUTH PLAIN LOGIN",)
    (tmp_path / "login").write_bytes(b"demo\r\nsecret word\r\n")
    o = out(login=tmp_path / "login", **{"smtp-tls": tls})
    assert o.give(mail(1)) == QUEUED
    tried(o)
    assert stub.said("AUTH") == [] and stub.said("MAIL") == []


def certificate(tmp_path, name):
    cert, key = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                    "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out",
                    str(cert)], check=True, capture_output=True)
    return cert, key


def tls_sink(cert, key, authenticator):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return Sink(tls_context=context, require_starttls=True, auth_required=True, authenticator=authenticator)


def test_certificate_of_another(out, tmp_path):
    """Trusted, but not for that name: neither password nor message."""
    said = []
    cert, key = certificate(tmp_path, "elsewhere.example.org")
    sink = tls_sink(cert, key, lambda *a: said.append(a))
    (tmp_path / "login").write_text("demo\nsecret word\n")
    try:
        o = out(smtp=f"smtp://localhost:{sink.port}", login=tmp_path / "login", ca=cert, **{"smtp-tls": "require"})
        assert o.give(mail(1)) == QUEUED
        tried(o)
        assert said == [] and sink.mails == []
    finally:
        sink.close()


def test_passwords_are_not_logged(out, tmp_path):
    from aiosmtpd.smtp import AuthResult
    cert, key = certificate(tmp_path, "localhost")
    sink = tls_sink(cert, key, lambda *a: AuthResult(success=bytes(a[4].password) == b"right word", handled=False))
    login = tmp_path / "login"
    login.write_bytes(b"demo\r\nwrong word\r\n")
    try:
        o = out(smtp=f"smtp://localhost:{sink.port}", login=login, ca=cert, **{"smtp-tls": "require"})
        assert o.give(mail(1)) == QUEUED
        assert b"535" in tried(o)["text"]
        login.write_text("demo\nright word\n")
        o.kill()
        o.start()
        assert o.ask(2) == 1
        wait_for(o.empty)
        assert sink.numbers() == {1: 1}
    finally:
        sink.close()
    log = (tmp_path / "log").read_bytes()
    assert b"queued" in log and not [s for s in secrets(b"wrong word", b"right word") if s in log]


def test_line_ends_that_stand_alone(out, stub):
    """Nothing in a message can look like its end to a server that takes other line ends."""
    o = out()
    evil = b"Subject: x\r\nnumber: 1\r\n\r\na\n.\nMAIL FROM:<>\r.\r\nb\r\r\n.\r\n\n.\r\n.\r\r\nend\r"
    assert o.give(evil) == QUEUED
    wait_for(o.empty)
    [octets] = stub.to(TO.decode())
    assert octets == evil.replace(b"\r\n", b"\0").replace(b"\r", b" ").replace(b"\n", b" ").replace(b"\0", b"\r\n") + b"\r\n"
    assert len(stub.said("MAIL")) == 1


def test_rates_go_on_after_a_start(out, stub):
    """Whatever died: what was sent counts, though it is gone from the queue."""
    o = out(**{"redirects-per-day": "3", "replies-per-hour": "1"})
    for n in range(3):
        assert o.give(mail(n)) == QUEUED
    assert o.give(mail(3), kind=VACATION, sender=b"") == QUEUED
    wait_for(o.empty)
    o.kill()
    o.start()
    assert o.give(mail(4)) == REFUSED and o.give(mail(5), kind=VACATION, sender=b"") == REFUSED
    assert o.give(mail(6), account=b"other@example.org") == QUEUED


def test_message_that_no_sender_survives(out, stub):
    """Its attempts are counted and its waits get longer, though the processes die."""
    o = out(retry="1s", timeout="1m", senders="1", **{"retry-max": "1h"})
    stub.set({"dot": "hang"})
    assert o.give(mail(1)) == QUEUED
    wait_for(lambda: stub.said("DATA"))
    [child] = subprocess.run(["pgrep", "-P", str(o.process.pid)], capture_output=True, text=True).stdout.split()
    os.kill(int(child), 9)
    row = tried(o)
    assert b"ended" in row["text"]
    o.kill()
    stub.set({})
    o.start()
    assert [r["attempts"] for r in o.list()] in ([1], [])
    wait_for(o.empty)
    assert len(stub.mails) == 1


def test_damaged_while_it_waits(out, stub, tmp_path):
    """Octets that are not those that were taken are not sent; what is behind it is."""
    stub.set({"mail": "451 4.3.0 later"})
    o = out(senders="1")
    for n in range(2):
        assert o.give(mail(n)) == QUEUED
    rows = wait_for(lambda: (lambda r: r if all(x["attempts"] for x in r) else None)(o.list()))
    first = rows[0]["id"].decode()
    path = tmp_path / "out" / f"{first}.m"
    octets = path.read_bytes()
    path.write_bytes(octets.replace(b"Hello.", b"Hullo."))
    stub.set({})
    assert o.ask(2) == 2
    wait_for(lambda: o.list() == [])
    assert [b"number: 1\r\n" in m[2] for m in stub.mails] == [True]
    assert set(os.listdir(tmp_path / "out")) == {"seen", f"{first}.bad"}
    log = (tmp_path / "log").read_text()
    assert f"set-aside id={first}" in log


def test_one_report_at_the_end(out, stub):
    """Of a message that was tried again and again the sender hears once, of all its recipients."""
    o = out(retry="1s", **{"retry-max": "1s", "max-age": "2s"})
    stub.set({"rcpt": {"a@example.com": "451 4.3.0 a", "b@example.com": "452 4.2.2 b"}})
    assert o.give(mail(1), to=[b"a@example.com", b"b@example.com"]) == QUEUED
    wait_for(o.empty)
    [report] = stub.to(SENDER.decode())
    for part in (b"rfc822; a@example.com", b"rfc822; b@example.com", b"451 4.3.0 a", b"452 4.2.2 b"):
        assert part in report
    assert len(stub.said("RCPT TO:<a@")) > 1


def test_killed_while_it_reports(out, stub):
    """Each failure is told, and twice only what a sender had in hand."""
    stub.set({"rcpt": {"no@example.com": "550 5.1.1 who?"}})
    o = out(**{"retry": "1s", "retry-max": "1s"})
    n, kills = 0, 12
    for k in range(kills):
        for _ in range(4):
            n += 1
            assert o.give(mail(n), to=[b"no@example.com"]) == QUEUED
        time.sleep(k % 5 / 100)
        o.kill()
        o.start()
    wait_for(o.empty)
    told = [int(m) for r in stub.to(SENDER.decode()) for m in re.findall(rb"^number: (\d+)", r, re.M)]
    assert set(told) == set(range(1, n + 1)) and len(told) - n <= 2 * kills


def test_full_disk_while_it_is_settled(out, stub, small_disk, tmp_path):
    """Who has it does not get it again, and the report comes when there is room, once."""
    (tmp_path / "out").symlink_to(small_disk)
    o = out()
    stub.set({"mail": "451 4.3.0 later"})
    assert o.give(mail(1), to=[b"yes@example.com", b"no@example.com"]) == QUEUED
    assert tried(o)["recipients"] == 2, (stub.lines, stub.mails)
    with open(small_disk / "more", "wb", buffering=0) as f, pytest.raises(OSError):
        while True:
            f.write(b"x" * 4096)
    stub.set({"rcpt": {"no@example.com": "550 5.1.1 who?"}})
    for n in range(1, 3):
        assert o.ask(2) == 1
        wait_for(lambda n=n: (tmp_path / "log").read_text().count(" bounce ") == n)
    [row] = o.list()
    assert row["recipients"] == 0 and len(stub.to("yes@example.com")) == 1 and stub.to(SENDER.decode()) == []
    assert o.give(mail(2)) == LATER  # no room for another
    (small_disk / "more").unlink()
    assert o.ask(2) == 1
    wait_for(o.empty)
    assert len(stub.to("yes@example.com")) == 1 and len(stub.to(SENDER.decode())) == 1


CASTAGNOLI = []


def crc32c(octets):
    if not CASTAGNOLI:
        for i in range(256):
            for _ in range(8):
                i = i >> 1 ^ (0x82f63b78 if i & 1 else 0)
            CASTAGNOLI.append(i)
    c = 0xffffffff
    for b in octets:
        c = c >> 8 ^ CASTAGNOLI[(c ^ b) & 255]
    return c ^ 0xffffffff


def u32(n):
    return n.to_bytes(4, "big")


def entry(octets, created):
    """A message of the queue as the oldest fumi wrote them."""
    def data(v):
        return u32(len(v)) + v
    head = (created.to_bytes(8, "big") + len(octets).to_bytes(8, "big") + b"\1" + data(b"demo@example.org") +
            data(SENDER) + bytes(16) + u32(1) + data(TO))
    return b"fumiout1" + data(head) + u32(crc32c(head)) + octets


def all_rows(o):
    """As "fumi out list" asks for them."""
    import procs
    from procs import data, u8, u64
    rows, last = [], b""
    while True:
        procs.send(o.hub, 0xa02, u64(7) + u8(1) + data(last))
        while True:
            w, _ = procs.recv(o.hub)
            assert w.u64() == 7
            if w.type == 0xa84:
                _, more = w.u32(), w.u8()
                break
            last = w.data()
            rows.append(last)
        if not more:
            return rows


def test_ten_thousand(stub):
    """Read, listed and gone on with at once."""
    directory = Path(tempfile.mkdtemp(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None))
    os.mkdir(directory / "out")
    many = 10000
    stub.set({"greet": "close"})
    content = entry(mail(1), int(time.time()) - 60)
    names = [f"{i:013x}0000" for i in range(many)]
    for name in names:
        (directory / "out" / f"{name}.m").write_bytes(content)
    began = time.monotonic()
    o = Out(directory, {"smtp": f"smtp://127.0.0.1:{stub.port}", "smtp-tls": "never", **HOUR})
    try:
        assert [r.decode() for r in all_rows(o)] == names
        assert time.monotonic() - began < 15, "it should take half a second"
        assert o.give(mail(2)) == LATER  # [out] queue is 10000
        assert o.ask(3, names[5000].encode()) == 1 and len(all_rows(o)) == many - 1
        stub.set({})
        o.ask(2)
        wait_for(lambda: len(stub.mails) > 100)
    finally:
        o.close()
        shutil.rmtree(directory)
