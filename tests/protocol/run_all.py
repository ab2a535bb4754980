#!/usr/bin/env python3
"""Runs all protocol tests against what was built in BUILD: run_all.py BUILD [-v]

The conversations here over a pipe, then again with the session's state encoded and decoded after every
command, then over TCP together with the scripts of imaptest and of Apache James: against the real
server (tests/serve) when there is one, else against the session's own listener.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
VECTORS = os.path.join(ROOT, "tests", "vectors")
PASSWORD = "password"
CASE_USER = "case%d@example.org"
IMAPTEST_USER = "imaptest@example.org"
COHERENCE_USER = "coherence@example.org"

# Groups of imaptest's scripts, and attested checks of James's, that must pass; more is fine.
IMAPTEST_FAILURES = 0
MPT_LEAST = int(open(os.path.join(VECTORS, "mpt", "LEAST")).read())


def server_program(build):
    for path in ("fumi", "src/cli/fumi"):
        if os.path.exists(os.path.join(build, path)):
            return os.path.join(build, path)
    return None


def session_program(build):
    """The program whose "session --stdio" is tested."""
    path = os.path.join(build, "tests", "protocol", "tcp_session")
    path = path if os.path.exists(path) else server_program(build)
    if path is None:
        raise SystemExit("nothing to test in %s" % build)
    return path


def conversations(program, *options):
    r = subprocess.run([sys.executable, os.path.join(HERE, "runner.py"), "--fumi", program, *options],
                       stdout=subprocess.PIPE, text=True)
    for line in r.stdout.splitlines():
        if not line.startswith("ok "):
            print(line, flush=True)
    return r.returncode == 0


class Server:
    """tests/serve with all the accounts that the scripts want."""

    def __init__(self, build, directory, users):
        argv = [sys.executable, os.path.join(ROOT, "tests", "serve"), directory, "--build", build, "--with-parent"]
        for user in users:
            argv += ["--account", user + ":" + PASSWORD]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("tests/serve has ended with %d" % self.process.wait())
        self.ports = json.loads(line)["ports"]
        self.port = self.ports["imap"]

    def more(self):
        """Options of runner.py for what is not IMAP."""
        return ["--pop3", str(self.ports["pop3"]), "--sieve", str(self.ports["sieve"])]

    def close(self):
        self.process.terminate()
        self.process.wait()


class Listener:
    """The session's own server: believes every login, an account a user."""

    def __init__(self, build, directory):
        program = os.path.join(build, "tests", "protocol", "tcp_session")
        self.process = subprocess.Popen([program, "--tcp", "0", directory], stdout=subprocess.PIPE, text=True)
        self.port = int(re.search(r"\d+", self.process.stdout.readline())[0])

    def more(self):
        return []

    def close(self):
        self.process.terminate()
        self.process.wait()


def run(name, argv):
    r = subprocess.run([sys.executable, *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print("# %s: %s" % (name, r.stdout.splitlines()[-1] if r.stdout else "no output"), flush=True)
    return r.stdout


def imaptest(port):
    folder = os.path.join(VECTORS, "imaptest")
    out = run("imaptest", [os.path.join(folder, "run.py"), "--port", str(port), "--user", IMAPTEST_USER,
                           "--password", PASSWORD, os.path.join(folder, "scripts")])
    m = re.search(r"scripts (\d+) ok, (\d+) failed", out)
    ok = m and int(m[1]) > 20 and int(m[2]) <= IMAPTEST_FAILURES
    if not ok:
        print(out)
    return ok


def case_users():
    r = subprocess.run([sys.executable, os.path.join(HERE, "runner.py"), "--count"], stdout=subprocess.PIPE, text=True,
                       check=True)
    return [CASE_USER.replace("%d", str(n)) for n in range(1, int(r.stdout) + 1)]


def mpt_command(port):
    return [os.path.join(VECTORS, "mpt", "run.py"), "--port", str(port), "--prefix", "mpt", "--domain", "@example.org",
            "--delim", "/", "--other-prefix", "~", "--password", PASSWORD]


def mpt_users():
    r = subprocess.run([sys.executable, *mpt_command(1), "--list-users"], stdout=subprocess.PIPE, text=True,
                       check=True)
    return r.stdout.split()


def mpt(port):
    folder = os.path.join(VECTORS, "mpt")
    out = run("mpt", mpt_command(port) + ["--attested", os.path.join(folder, "attested.json")])
    m = re.search(r"attested: .*checks (\d+)/", out)
    ok = m and int(m[1]) >= MPT_LEAST
    if not ok:
        print(out, "wanted at least %d checks" % MPT_LEAST)
    return ok


def coherence(port):
    out = run("coherence", [os.path.join(HERE, "coherence.py"), str(port), "--clients", "15", "--user",
                            COHERENCE_USER, "--password", PASSWORD])
    if "\nok 1 " not in out:
        print(out)
    return "\nok 1 " in out


def over_tcp(build, directory, results, options):
    if server_program(build):
        server = Server(build, directory, [IMAPTEST_USER, COHERENCE_USER, *case_users(), *mpt_users()])
    else:
        server = Listener(build, directory)
    try:
        results["conversations over TCP"] = conversations(
            "-", "--tcp", "127.0.0.1:%d" % server.port, *server.more(), "--user", CASE_USER, "--password", PASSWORD, *options)
        results["imaptest"] = imaptest(server.port)
        results["mpt"] = mpt(server.port)
        results["coherence"] = coherence(server.port)
    finally:
        server.close()


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build"))
    options = ["-v"] if "-v" in sys.argv else []
    program = session_program(build)
    results = {"conversations": conversations(program, *options),
               "conversations with round trips": conversations(program, "--round-trip", *options)}
    with tempfile.TemporaryDirectory(prefix="fumi-protocol-") as directory:
        os.chmod(directory, 0o711)
        over_tcp(build, directory, results, options)
    for name, good in results.items():
        print("%s %s" % ("ok  " if good else "FAIL", name))
    failed = sum(not good for good in results.values())
    print("%d passed, %d failed" % (len(results) - failed, failed), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
