"""share/examples/cmail-filter."""
import email
import email.header
import importlib.util
import io
import os
import subprocess
import sys
from importlib.machinery import SourceFileLoader

import pytest

from serving import ROOT

FILTER = os.path.join(ROOT, "share", "examples", "cmail-filter")
HEADER = "From: Taro <taro@example.jp>\nSubject: test\nContent-Type: text/plain; charset={}\n\n"


@pytest.fixture
def run(tmp_path):
    """run(options, message): [(arguments, message)] of what it sent."""
    program = tmp_path / "sendmail"
    program.write_text(f"""#!/bin/sh
n=$(ls {tmp_path} | grep -c '^sent')
printf '%s\\n' "$@" >{tmp_path}/args$n
cat >{tmp_path}/sent$n
exit $(cat {tmp_path}/status 2>/dev/null || echo 0)
""")
    program.chmod(0o755)

    def go(*options, message, status=0, env={}):
        r = subprocess.run([FILTER, *options, "090@example.jp"], input=message, capture_output=True, timeout=60,
                           env={"PATH": os.environ["PATH"], "CMAIL_SENDMAIL": str(program), "SENDER": "s@example.jp",
                                **env})
        assert r.returncode == status, r.stdout + r.stderr
        out = []
        for n in range(len(list(tmp_path.glob("sent*")))):
            assert (tmp_path / f"args{n}").read_text() == "-f\ns@example.jp\n--\n090@example.jp\n"
            out.append(email.message_from_bytes((tmp_path / f"sent{n}").read_bytes()))
            (tmp_path / f"sent{n}").unlink()
        return out
    return go


def text(m):
    return m.get_payload(decode=True).decode(m.get_content_charset())


def mail(body, charset="us-ascii"):
    return (HEADER.format(charset) + body).encode(charset)


def test_strips_quotes_and_blank_lines(run):
    (m,) = run(message=mail("one\n\n> quoted\n>> twice\n  > indented\n\n\ntwo  \n  \n"))
    assert text(m) == "one\ntwo\n"
    assert m["To"] == "090@example.jp" and m["From"] == "Taro <taro@example.jp>" and m["Subject"] == "test"
    assert run(message=mail("> only quotes\n\n")) == []


def test_parts(run):
    body = "".join(f"{i:03}" for i in range(100)) + "\n"
    got = run(message=mail(body))
    assert [len(text(m).rstrip("\n")) for m in got] == [100, 100, 100]
    assert "".join(text(m).rstrip("\n") for m in got) + "\n" == body
    assert len(run("-n", "2", message=mail(body))) == 2
    got = run("-n", "9", "-l", "50", message=mail(body))
    assert [len(text(m).rstrip("\n")) for m in got] == [50] * 6
    assert len(run("-l", "300", message=mail(body))) == 1  # the line end at the limit asks for no part more


@pytest.mark.parametrize("charset", ["iso-2022-jp", "utf-8", "euc_jp", "shift_jis"])
def test_japanese(run, charset):
    body = "仙石です。これは SMTP 説明用のテストメールです。\n" * 4
    got = run("-l", "21", "-n", "50", message=mail(body, charset))
    assert "".join(text(m).replace("\n", "") for m in got) == body.replace("\n", "")
    for m in got:  # two columns a character, never a half one, and ISO-2022-JP whenever it can be
        line = text(m).rstrip("\n")
        assert sum(2 if ord(c) > 0x7f else 1 for c in line.replace("\n", "x")) <= 21
        assert m.get_content_charset() == ("us-ascii" if line.isascii() else "iso-2022-jp")


def test_combining_characters(run):
    got = run("-l", "2", "-n", "9", message=mail("e\u0301e\u0301e\u0301\n", "utf-8"))
    assert [text(m) for m in got] == ["e\u0301e\u0301\n", "e\u0301\n"]


def test_multipart(run):
    body = ("--x\nContent-Type: text/html\n\n<p>no</p>\n--x\nContent-Type: text/plain; charset=utf-8\n"
            "Content-Transfer-Encoding: base64\n\n5LuZ55+zCg==\n--x--\n")
    (m,) = run(message=b"Content-Type: multipart/alternative; boundary=x\n\n" + body.encode())
    assert text(m) == "仙石\n"


def test_subject(run):
    (m,) = run("-s", message=b"Subject: =?iso-2022-jp?B?GyRCQGdAUBsoQg==?=\n\nx\n")
    assert text(m) == "仙石\nx\n"


def test_no_loops(run):
    assert run(message=b"Auto-Submitted: auto-replied\n\nx\n") == []
    (m,) = run(message=b"Subject: x\n\nx\n", env={"DTLINE": "Delivered-To: sengoku@gcd.org\n"})
    assert m["Delivered-To"] == "sengoku@gcd.org" and m["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("code,want", [(0, 0), (75, 111), (67, 100), (1, 111)])
def test_status(run, tmp_path, code, want):
    (tmp_path / "status").write_text(str(code))
    run(message=mail("x\n"), status=want)


def test_program_is_missing(run):
    run(message=mail("x\n"), status=111, env={"CMAIL_SENDMAIL": "/no/such/program"})


def test_hostile(run):
    for message in (b"", b"\xff\xfe\n\n\xff", b"Content-Type: text/plain; charset=no-such\n\nx\xff\n",
                    b"Subject: =?x?q?\n\nx\n", b"Content-Type: multipart/mixed\n\nx\n"):
        run(message=message)


def header_text(m, name):
    return str(email.header.make_header(email.header.decode_header(m[name])))


def test_headers_of_8_bits(run):
    (m,) = run("-s", message="From: Jörg <j@example.jp>\nSubject: 仙石 です\n\nx\n".encode())
    assert header_text(m, "From") == "Jörg <j@example.jp>" and m["From"].endswith(" <j@example.jp>")
    assert header_text(m, "Subject") == "仙石 です" and text(m) == "仙石 です\nx\n"
    (m,) = run(message="From: 仙石\n\nx\n".encode())
    assert header_text(m, "From") == "仙石 <MAILER-DAEMON>"
    assert run(message=b"Auto-Submitted: auto-\xe9\n\nx\n") == []
    assert run(message="Auto-Submitted: auto-replied; ö\n\nx\n".encode()) == []
    (m,) = run(message=b"X: y\n\nx\n", env={b"DTLINE": b"Delivered-To: \xe9@gcd.org\n"})
    assert m.get_all("Delivered-To")


@pytest.fixture
def inside(monkeypatch):
    """inside(message): its exit status, without a process; what it sends goes nowhere."""
    loader = SourceFileLoader("cmail_filter", FILTER)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("cmail_filter", loader))
    loader.exec_module(module)
    monkeypatch.setattr(module, "send", lambda message, address: 0)
    monkeypatch.setattr(sys, "argv", ["cmail-filter", "-s", "090@example.jp"])

    def go(message):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(message)))
        return module.main()
    return go


VALUES = (b"\xe9", b"\xff\xfe <\xe9@\xe9>", "仙石".encode(), b"=?idna?q?a..b?=", b"=?punycode?q?=FF?=", b"=?utf-8?b?A?=",
          b"=?utf-7?q?+2AA-?=", b"=?x?q?\xe9?=", b"\x00\x0b\x1e\r", b"a\r\n b\xe9", b"=?\xe9?q?x?=", b"(", b'"', b"<@,:;>")


@pytest.mark.parametrize("name", [b"From", b"Subject", b"To", b"Content-Type", b"Content-Disposition", b"MIME-Version",
                                  b"Content-Transfer-Encoding", b"\xe9"])
def test_hostile_headers(inside, name):
    for value in VALUES:
        assert 0 == inside(name + b": " + value + b"\n\nx\xe9\n")


@pytest.mark.parametrize("charset", [b"idna", b"punycode", b"undefined", b"hex", b"zlib", b"utf-7", b"utf-16", b"\xe9", b'"a\0b"',
                                     b"unicode_escape", b"raw_unicode_escape", b"utf-8-sig", b"iso-2022-kr", b'""'])
def test_hostile_charset(inside, charset):
    for body in (b"\xe9..\x00-\xff\n", b"+2AA-\n", b"\\ud800\n", b"a..b\n"):
        assert 0 == inside(b"Content-Type: text/plain; charset=" + charset + b"\n\n" + body)
        assert 0 == inside(b"Content-Type: text/plain; charset*=" + charset + b"'x'%ff\n\n" + body)


def test_hostile_structure(inside):
    assert 0 == inside(b"Content-Type: text/plain; charset*" + b"9" * 5000 + b"=x\n\nx\n")
    assert 0 == inside(b"Content-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n\xff\xfe#\n`~~~~\n")
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (i, i) for i in range(2000))
    assert 0 == inside(b"Subject: deep\n" + deep)
