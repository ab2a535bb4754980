#!/usr/bin/env python3
"""Runs the conversations of *.imap, *.pop3 and *.sieve against fumi (README.md here has the language).

    runner.py [--fumi build/src/cli/fumi] [--round-trip] [--only TEXT] [-v] [FILE...]
    runner.py --tcp HOST:PORT [--pop3 PORT] [--sieve PORT] --user case%d@example.org --password P [FILE...]
    runner.py --count [FILE...]

Without --tcp every connection is a process "fumi session --stdio" on an account of its own for each
case. With --tcp case N logs in as the user with the number N, whose account must be new. Prints TAP.
"""
import argparse
import base64
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FUMI = os.path.join(HERE, "..", "..", "build", "src", "cli", "fumi")
PROTOCOLS = ("imap", "pop3", "sieve")
IMAP = 9  # the connection that is one to IMAP whatever the file
LITERAL = re.compile(rb"~?\{(\d+)(\+?)\}\r\n")
MARK = "\ue000"  # ends the octets of a literal in the text of a step


class Fail(Exception):
    pass


# ---- text ----

def unescape(text):
    """\\r \\n \\t \\0 \\\\ \\xNN and ${TEXT*N} as bytes."""
    text = re.sub(r"\$\{(.+?)\*(\d+)\}", lambda m: m[1] * int(m[2]), text)
    out = text.encode()
    known = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}
    return re.sub(rb"\\(x[0-9a-fA-F]{2}|[rnt0\\])",
                  lambda m: known.get(m[1]) or bytes([int(m[1][1:], 16)]), out)


def escape(data):
    """Bytes on one line, UTF-8 as it is."""
    text = data.decode("utf-8", "surrogateescape")
    text = text.replace("\r", "\\r").replace("\n", "\\n").replace("\0", "\\0")
    return re.sub(r"[\x01-\x1f\x7f\udc80-\udcff]", lambda m: "\\x%02x" % (ord(m[0]) & 0xff), text)


def show(reply):
    """A reply as patterns see it: each literal as a quoted string."""
    out, i = "", 0
    for m in LITERAL.finditer(reply):
        if m.start() < i:
            continue
        end = m.end() + int(m[1])
        out += escape(reply[i:m.start()]) + '"' + escape(reply[m.end():end]).replace('"', '\\"') + '"'
        i = end
    return out + escape(reply[i:])


def sort_lists(text):
    """Flags, attributes and STATUS items come in any order: the lists of both sides are sorted."""
    def one(m):
        return m[1] + "(" + " ".join(sorted(m[2].split(), key=str.lower)) + ")"

    def pairs(m):
        words = m[2].split()
        return m[1] + "(" + " ".join(" ".join(p) for p in sorted(zip(words[::2], words[1::2]), key=lambda p: p[0].lower())) + ")"
    text = re.sub(r"(STATUS .*)\(([^()]*)\)$", pairs, text, flags=re.I)
    return re.sub(r"((?:FLAGS|PERMANENTFLAGS|LIST|LSUB) )\(([^()]*)\)", one, text, flags=re.I)


class Pattern:
    """$name captures (later: must be the same), ${*} is any text, $$ is a dollar sign."""
    TOKEN = re.compile(r"\$\$|\$\{\*\}|\$([A-Za-z_]\w*)")

    def __init__(self, text):
        self.text = text

    def regex(self, values):
        out, i, names = "", 0, []
        text = sort_lists(self.text)
        for m in self.TOKEN.finditer(text):
            out += re.escape(text[i:m.start()])
            i = m.end()
            if m[0] == "$$":
                out += r"\$"
            elif m[0] == "${*}":
                out += ".*"
            elif m[1] in values:
                out += re.escape(values[m[1]])
            elif m[1] in names:
                out += "(?P=%s)" % m[1]
            else:
                names.append(m[1])
                out += r"(?P<%s>[^\s()\]]+)" % m[1]
        return out + re.escape(text[i:]), names

    def match(self, line, values, whole=True):
        regex, names = self.regex(values)
        m = (re.fullmatch if whole else re.match)(regex, sort_lists(line), re.I | re.S)
        if m:
            values.update({n: m[n] for n in names})
        return m is not None

    def expand(self, values):
        def one(m):
            if m[0] == "$$":
                return "$"
            if m[1] not in values:
                raise Fail("nothing was captured as $%s" % m[1])
            return values[m[1]]
        return re.sub(r"\$\$|\$([A-Za-z_]\w*)", one, self.text)


# ---- connections ----

class Connection:
    def __init__(self, timeout):
        self.timeout, self.got, self.tags = timeout, b"", 0

    def fill(self, end):
        if not self.wait(max(0, end - time.monotonic())):
            raise Fail("no answer within %g s" % self.timeout)
        data = self.read()
        if not data:
            raise Fail("the server closed the connection")
        self.got += data

    def reply(self):
        """The next reply with its literals, without the last line end."""
        end, at = time.monotonic() + self.timeout, 0
        while True:
            while b"\n" not in self.got[at:]:
                self.fill(end)
            stop = self.got.index(b"\n", at) + 1
            m = re.search(rb"~?\{(\d+)\}\r?\n$", self.got[at:stop])
            if not m or self.got.startswith(b"+ "):
                break
            at = stop + int(m[1])
            while len(self.got) < at:
                self.fill(end)
        line, self.got = self.got[:stop], self.got[stop:]
        return line.rstrip(b"\r\n") if not line.endswith(b"\n\r\n") else line[:-2]

    def is_closed(self):
        end = time.monotonic() + self.timeout
        while self.wait(max(0, end - time.monotonic())):
            if not self.read():
                return True
        return False


class Pipe(Connection):
    """fumi session --stdio"""

    def __init__(self, options, directory, protocol, more):
        super().__init__(options.timeout)
        env = dict(os.environ)
        if options.round_trip:
            env["FUMI_ROUNDTRIP"] = "1"
        self.process = subprocess.Popen([options.fumi, "session", "--stdio", "--dir", directory, "--create",
                                         "--protocol", protocol, *more],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, bufsize=0)
        if protocol == "imap":
            greeting = self.reply()
            if not greeting.startswith(b"* PREAUTH"):
                raise Fail("greeting %r" % greeting)

    def wait(self, seconds):
        return select.select([self.process.stdout], [], [], seconds)[0]

    def read(self):
        return os.read(self.process.stdout.fileno(), 1 << 16)

    def send(self, data):
        try:
            self.process.stdin.write(data)
        except BrokenPipeError:
            raise Fail("the server closed the connection") from None

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Fail("the process did not end") from None
        if self.process.returncode not in (0, 1):
            raise Fail("the process ended with %d" % self.process.returncode)


class Tcp(Connection):
    """A login; what the session says to it is left to be read, as the greeting of a pipe is."""

    def __init__(self, options, user, protocol):
        super().__init__(options.timeout)
        host, port = options.tcp.rsplit(":", 1)
        port = {"imap": int(port), "pop3": options.pop3, "sieve": options.sieve}[protocol]
        self.socket = socket.create_connection((host, port), options.timeout)
        getattr(self, "login_" + protocol)(options, user)

    def login_imap(self, options, user):
        self.reply()
        self.send(b'login LOGIN "%s" "%s"\r\n' % (user.encode(), options.password.encode()))
        while not (line := self.reply()).startswith(b"login "):
            pass
        if not line.startswith(b"login OK"):
            raise Fail("LOGIN: %s" % show(line))

    def login_pop3(self, options, user):
        self.reply()
        self.send(b"USER %s\r\n" % user.encode())
        self.reply()
        self.send(b"PASS %s\r\n" % options.password.encode())

    def login_sieve(self, options, user):
        secret = base64.b64encode(("\0%s\0%s" % (user, options.password)).encode())
        while not self.reply().startswith(b"OK"):
            pass
        self.send(b'AUTHENTICATE "PLAIN" "%s"\r\n' % secret)
        line = self.reply()
        if not line.startswith(b"OK"):
            raise Fail("AUTHENTICATE: %s" % show(line))
        self.send(b"CAPABILITY\r\n")

    def wait(self, seconds):
        return select.select([self.socket], [], [], seconds)[0]

    def read(self):
        try:
            return self.socket.recv(1 << 16)
        except ConnectionError:
            return b""

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            raise Fail("the server closed the connection") from None

    def close(self):
        self.socket.close()


# ---- messages to begin with ----

def messages(path):
    """(INTERNALDATE, octets with CRLF) of an mbox."""
    with open(path, "rb") as f:
        text = f.read()
    out = []
    for part in re.split(rb"(?m)^(?=From \S+ +\w{3} \w{3} )", text):
        m = re.match(rb"From \S+ +\w{3} (\w{3}) +(\d+) ([\d:]+) (\d{4})(?: ([+-]\d{4}))?.*\n", part)
        if m:
            date = "%2d-%s-%s %s %s" % (int(m[2]), m[1].decode(), m[4].decode(), m[3].decode(),
                                        (m[5] or b"+0000").decode())
            out.append((date, re.sub(rb"\r?\n", b"\r\n", part[m.end():])))
    return out


# ---- scripts ----

class Step:
    """One line of a script and the expectations under it."""

    def __init__(self, line, connection, verb, text):
        self.line, self.connection, self.verb, self.text = line, connection, verb, text
        self.want, self.ban, self.status, self.only = [], [], None, False


class Case:
    def __init__(self, path, name):
        self.name = "%s: %s" % (os.path.splitext(os.path.basename(path))[0], name)
        self.protocol = os.path.splitext(path)[1][1:]
        self.steps = []

    def needs_options(self):
        """Only a session of one's own has them."""
        return any(s.verb == "options" for s in self.steps)


VERB = re.compile(r"(?:(\d+) )?(ok|no|bad|>>|>|<\*|<|closed|drop|load|sleep|options)(?: (.*))?$", re.S)


def read_literal(lines, n, text):
    """Lines from {{{ to }}} become a literal; ~ and + are kept."""
    while True:
        m = re.search(r"(~?)\{\{\{(\+?)$", text)
        if not m:
            return text, n
        body = []
        while not lines[n].startswith("}}}"):
            body.append(lines[n])
            n += 1
        data = unescape("\r\n".join(body)).decode("utf-8", "surrogateescape")
        size = len(data.encode("utf-8", "surrogateescape"))
        text = "%s%s{%d%s}\r\n%s%s%s" % (text[:m.start()], m[1], size, m[2], data, MARK, lines[n][3:])
        n += 1


def parse(path):
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    cases, n = [], 0
    while n < len(lines):
        line, at = lines[n].rstrip(" "), n + 1
        n += 1
        if not line or line.startswith("#"):
            continue
        if line.startswith("=== "):
            cases.append(Case(path, line[4:]))
            continue
        if not cases:
            raise SystemExit("%s:%d: no case has begun" % (path, at))
        steps = cases[-1].steps
        if steps and line[:2] == "* ":
            steps[-1].want.append(Pattern(line))
        elif steps and line[:2] == "! ":
            steps[-1].ban.append(Pattern("* " + line[2:]))
        elif steps and line[:2] == "= ":
            steps[-1].status = Pattern(line[2:])
        elif steps and line == "only":
            steps[-1].only = True
        else:
            line, n = read_literal(lines, n, line)
            m = VERB.match(line)
            if not m:
                raise SystemExit("%s:%d: cannot be read: %s" % (path, at, line))
            steps.append(Step(at, int(m[1] or 1), m[2], m[3] or ""))
    return cases


# ---- running ----

class Run:
    def __init__(self, options, case, number):
        self.options, self.case = options, case
        self.user = options.user.replace("%d", str(number))
        self.values, self.connections = {}, {}
        self.log = []
        self.directory = None
        self.more = []

    def connection(self, number):
        if number not in self.connections:
            imap = number == IMAP
            protocol = "imap" if imap else self.case.protocol
            self.connections[number] = Tcp(self.options, self.user, protocol) if self.options.tcp else Pipe(
                self.options, self.directory, protocol, [] if imap else self.more)
        return self.connections[number]

    def note(self, number, arrow, text):
        self.log.append("%d %s %s" % (number, arrow, text if len(text) < 500 else text[:500] + "…"))

    def reply(self, c, number):
        text = show(c.reply())
        self.note(number, "<", text)
        return text

    def send_command(self, c, step, tag):
        """Send it, waiting for "+" at each synchronising literal; False when the server refused one."""
        early = []
        parts = re.split(r"(~?\{\d+\+?\}\r\n[^%s]*%s)" % (MARK, MARK), step.text)
        data = tag.encode() + b" "
        for part in parts:
            if not part.endswith(MARK):
                data += unescape(Pattern(part).expand(self.values))
                continue
            head, body = part[:-1].split("\r\n", 1)
            body = body.encode("utf-8", "surrogateescape")
            data += head.encode() + b"\r\n"
            if head.endswith("+}"):
                data += body
                continue
            c.send(data)
            line = self.reply(c, step.connection)
            while not line.startswith("+"):
                early.append(line)
                if line.startswith(tag + " "):
                    return early
                line = self.reply(c, step.connection)
            data = body
        c.send(data + b"\r\n")
        return early

    def command(self, step):
        c = self.connection(step.connection)
        c.tags += 1
        tag = "%d.%d" % (step.connection, c.tags)
        self.values["tag"] = tag
        self.note(step.connection, ">", tag + " " + escape(step.text.encode("utf-8", "surrogateescape")))
        seen = self.send_command(c, step, tag)
        while not (seen and seen[-1].startswith(tag + " ")):
            seen.append(self.reply(c, step.connection))
        self.check(step, seen[:-1], seen[-1][len(tag) + 1:])

    def check(self, step, untagged, status):
        if not status.lower().startswith(step.verb + " "):
            raise Fail("wanted %s, got: %s" % (step.verb.upper(), status))
        used = set()
        for want in step.want:
            hit = [i for i, line in enumerate(untagged) if i not in used and want.match(line, self.values)]
            if not hit:
                raise Fail("missing: %s" % want.text)
            used.add(hit[0])
        for ban in step.ban:
            for line in untagged:
                if ban.match(line, dict(self.values)):
                    raise Fail("must not come: %s" % line)
        if step.only and len(used) < len(untagged):
            raise Fail("more than wanted: %s" % [x for i, x in enumerate(untagged) if i not in used][0])
        if step.status and not step.status.match(status.split(" ", 1)[1], self.values, whole=False):
            raise Fail("wanted the text %s, got: %s" % (step.status.text, status))

    def expect(self, step):
        c = self.connection(step.connection)
        want = Pattern(step.text)
        while True:
            line = self.reply(c, step.connection)
            if want.match(line, self.values, whole=not step.text.endswith(" ")):
                return
            if step.verb == "<":
                raise Fail("wanted: %s" % step.text)

    def load(self, step):
        box, name = step.text.split()[:2]
        flags = " ".join(step.text.split()[2:])
        for date, text in messages(os.path.join(HERE, "fixtures", name)):
            c = self.connection(step.connection)
            c.tags += 1
            tag = b"%d.%d" % (step.connection, c.tags)
            c.send(b'%s APPEND %s %s"%s" {%d+}\r\n%s\r\n' % (
                tag, box.encode(), flags.encode() + b" " if flags else b"", date.encode(), len(text), text))
            while True:
                line = c.reply()
                if line.startswith(tag + b" "):
                    break
            if not line.startswith(tag + b" OK"):
                raise Fail("loading %s: %s" % (name, show(line)))

    def step(self, step):
        if step.verb in ("ok", "no", "bad"):
            self.command(step)
        elif step.verb in (">", ">>"):
            c = self.connection(step.connection)
            text = Pattern(step.text).expand(self.values)
            self.note(step.connection, ">", text)
            c.send(unescape(text.replace(MARK, "")) + (b"\r\n" if step.verb == ">" else b""))
        elif step.verb in ("<", "<*"):
            self.expect(step)
        elif step.verb == "closed":
            if not self.connection(step.connection).is_closed():
                raise Fail("the connection is still open")
            self.connections.pop(step.connection).close()
        elif step.verb == "drop":
            self.connections.pop(step.connection).close()
        elif step.verb == "load":
            self.load(step)
        elif step.verb == "sleep":
            time.sleep(float(step.text) / 1000)
        elif step.verb == "options":
            self.more = step.text.split()

    def run(self):
        """None, or what went wrong."""
        at = 0
        self.directory = None if self.options.tcp else tempfile.mkdtemp(prefix="fumi-protocol-")
        try:
            for step in self.case.steps:
                at = step.line
                self.step(step)
            for number in list(self.connections):
                self.connections.pop(number).close()
        except (Fail, OSError) as e:
            return "line %d: %s" % (at, e)
        finally:
            for c in self.connections.values():
                try:
                    c.close()
                except (Fail, OSError):
                    pass
            if self.directory:
                shutil.rmtree(self.directory, ignore_errors=True)
        return None


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--fumi", default=FUMI)
    ap.add_argument("--round-trip", action="store_true", help="set FUMI_ROUNDTRIP: state encoded after each command")
    ap.add_argument("--tcp", metavar="HOST:PORT")
    ap.add_argument("--pop3", type=int, metavar="PORT")
    ap.add_argument("--sieve", type=int, metavar="PORT")
    ap.add_argument("--user", default="case%d", help="of case N: %%d stands for N")
    ap.add_argument("--password")
    ap.add_argument("--count", action="store_true", help="only say how many cases there are")
    ap.add_argument("--only", default="", help="cases whose name contains this")
    ap.add_argument("--timeout", type=float, default=10)
    ap.add_argument("-v", action="store_true", help="show the conversation of a case that fails")
    ap.add_argument("files", nargs="*")
    options = ap.parse_args()
    options.fumi = os.path.abspath(options.fumi)
    files = options.files or [os.path.join(HERE, f) for f in sorted(os.listdir(HERE))
                              if os.path.splitext(f)[1][1:] in PROTOCOLS]
    cases = [c for f in files for c in parse(f) if options.only in c.name]
    failed = n = 0
    if options.count:
        print(len(cases))
        return
    for case in cases:
        n += 1
        if options.tcp and (case.needs_options() or case.protocol != "imap" and not getattr(options, case.protocol)):
            print("ok %d - %s # SKIP" % (n, case.name), flush=True)
            continue
        run = Run(options, case, n)
        problem = run.run()
        failed += problem is not None
        print("%s %d - %s" % ("ok" if problem is None else "not ok", n, case.name), flush=True)
        if problem:
            print("# " + problem)
            for line in run.log[-(60 if options.v else 6):]:
                print("#   " + line)
    print("1..%d" % n)
    print("# %d passed, %d failed" % (n - failed, failed))
    sys.exit(1 if failed or not n else 0)


if __name__ == "__main__":
    main()
