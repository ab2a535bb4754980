"""share/examples/cmail-filter."""
import email
import os
import subprocess

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
