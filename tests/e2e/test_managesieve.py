"""ManageSieve by clients that are not ours: sieve-connect, and by hand over TLS."""
import os
import re
import socket
import ssl
import subprocess

import pytest

SCRIPT = 'require ["fileinto"];\r\nif header :contains "subject" "lists" {\r\n  fileinto "lists";\r\n}\r\n'
BROKEN = 'require ["fileinto"];\nif header :contains "subject" {\n  fileinto "lists";\n}\n'


def connect(server, account, *args, input=None, status=0):
    """sieve-connect does one thing and ends."""
    r = subprocess.run(["sieve-connect", "--server", "localhost", "--port", str(server.ports["sieve"]), "--user",
                        account.name, "--passwordfd", "0", "--tlscafile", server.cert, "--nosslverify", *args],
                       input=(account.password + "\n").encode(), capture_output=True, timeout=60,
                       env={**os.environ, "PERL_MM_USE_DEFAULT": "1"})
    assert (r.returncode == 0) == (status == 0), r.stdout + r.stderr
    return (r.stdout + r.stderr).decode(errors="replace")


@pytest.fixture
def scripts(tmp_path):
    (tmp_path / "lists.sieve").write_text(SCRIPT)
    (tmp_path / "broken.sieve").write_text(BROKEN)
    return tmp_path


def test_sieve_connect(server, account, scripts, tmp_path):
    assert connect(server, account, "--list").strip() == ""
    connect(server, account, "--upload", "--localsieve", str(scripts / "lists.sieve"), "--remotesieve", "lists")
    assert "lists" in connect(server, account, "--list")
    out = connect(server, account, "--upload", "--localsieve", str(scripts / "broken.sieve"), "--remotesieve", "lists",
                  status=1)
    assert "line 2, column" in out
    connect(server, account, "--activate", "--remotesieve", "lists")
    assert re.search(r'lists"? ACTIVE', connect(server, account, "--list"))
    connect(server, account, "--download", "--remotesieve", "lists", "--localsieve", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes().replace(b"\r\n", b"\n") == SCRIPT.replace("\r\n", "\n").encode()
    # an active script is not deleted
    connect(server, account, "--delete", "--remotesieve", "lists", status=1)
    connect(server, account, "--deactivate")
    connect(server, account, "--delete", "--remotesieve", "lists")
    assert connect(server, account, "--list").strip() == ""


class Client:
    """Lines over TLS, logged in."""

    def __init__(self, server, account):
        plain = socket.create_connection(("localhost", server.ports["sieve"]), 30)
        self.file = plain.makefile("rwb")
        assert any(b'"STARTTLS"' in line for line in self.answer()[0])
        self.send(b"STARTTLS")
        assert self.file.readline().startswith(b"OK")
        self.socket = ssl.create_default_context(cafile=server.cert).wrap_socket(plain, server_hostname="localhost")
        self.file = self.socket.makefile("rwb")
        self.first, _ = self.answer()
        import base64
        self.send(b'AUTHENTICATE "PLAIN" "%s"' % base64.b64encode(
            b"\0" + account.name.encode() + b"\0" + account.password.encode()))
        assert self.answer()[1].startswith(b"OK")

    def send(self, line):
        self.file.write(line + b"\r\n")
        self.file.flush()

    def answer(self):
        """(lines before it, the answer)"""
        lines = []
        while True:
            line = self.file.readline()
            assert line, "closed"
            if line[:3] in (b"OK\r", b"OK ", b"NO ", b"NO\r", b"BYE"):
                return lines, line
            lines.append(line)

    def do(self, line):
        self.send(line)
        return self.answer()


def test_by_hand(server, account):
    c = Client(server, account)
    capabilities = dict(line.rstrip().split(b" ", 1) for line in c.do(b"CAPABILITY")[0] if b" " in line)
    assert b"fileinto" in capabilities[b'"SIEVE"'] and capabilities[b'"VERSION"'] == b'"1.0"'
    assert capabilities[b'"OWNER"'] == b'"%s"' % account.name.encode()
    assert b"SCRAM-SHA-256" in capabilities[b'"SASL"'] and b'"STARTTLS"' not in capabilities
    assert c.do(b'PUTSCRIPT "a" "keep;"')[1].startswith(b"OK")
    assert c.do(b'SETACTIVE "a"')[1].startswith(b"OK")
    assert c.do(b'CHECKSCRIPT ""')[1].startswith(b"OK")  # RFC 5228 section 8.2: no command is a script, too
    # files are where a person looks for them, and theirs alone
    folder = os.path.join(account.dir, "sieve")
    assert os.path.exists(os.path.join(folder, "a.sieve")) and os.stat(folder).st_mode & 0o77 == 0
    # changed by hand into what does not compile: it cannot be made active again
    with open(os.path.join(folder, "a.sieve"), "w") as f:
        f.write("kep;")
    assert c.do(b'SETACTIVE "a"')[1].startswith(b'NO "line 1, column 1')
    with open(os.path.join(folder, "active.good")) as f:
        assert f.read() == "keep;"
    assert c.do(b"LOGOUT")[1].startswith(b"OK")


def test_second_session_sees(server, account):
    a, b = Client(server, account), Client(server, account)
    assert a.do(b'PUTSCRIPT "x" "stop;"')[1].startswith(b"OK")
    assert b.do(b"LISTSCRIPTS")[0] == [b'"x"\r\n']
    assert b.do(b'RENAMESCRIPT "x" "y"')[1].startswith(b"OK")
    assert a.do(b'GETSCRIPT "x"')[1].startswith(b"NO (NONEXISTENT)")


def test_disabled(own_server):
    """What [sieve] disabled names is neither offered nor taken."""
    c = Client(server := own_server("--set", "sieve/disabled=regex, editheader"), server.demo)
    extensions = [line for line in c.do(b"CAPABILITY")[0] if line.startswith(b'"SIEVE"')][0].split()
    assert b"regex" not in extensions and b"editheader" not in extensions and b"copy" in extensions
    assert c.do(b'CHECKSCRIPT {18+}\r\nrequire ["regex"];')[1].startswith(b"NO")
    assert c.do(b'CHECKSCRIPT {17+}\r\nrequire ["copy"];')[1].startswith(b"OK")


def test_nothing_hollow(server, account):
    """What has nothing behind it is not offered."""
    c = Client(server, account)
    before, after = ([line for line in lines if line.startswith(b'"SIEVE"')] for lines in
                     (c.first, c.do(b"CAPABILITY")[0]))
    assert before == after and len(after) == 1
    for name in (b"extlists", b"spamtest", b"virustest"):
        assert name not in after[0]


def test_shutdown(own_server):
    """A client is told, and what it has stored stays."""
    server = own_server()
    c = Client(server, server.demo)
    assert c.do(b'PUTSCRIPT "a" "keep;"')[1].startswith(b"OK")
    server.process.terminate()
    assert c.answer()[1].startswith(b"BYE (TRYLATER)")
    server.process.wait(60)
    assert os.path.exists(os.path.join(server.demo.dir, "sieve", "a.sieve"))


def test_stop_while_a_process_rests(own_server):
    """One that is kept for the next client of the account ends in order."""
    s = own_server()
    c = Client(s, s.demo)
    c.send(b"LOGOUT")
    assert c.answer()[1].startswith(b"OK")
    c.socket.close()
    s.close()
    assert "session-died" not in s.log()
