#!/usr/bin/env python3
"""Runs all protocol tests against what was built in BUILD: run_all.py BUILD [-v]

The conversations here over a pipe, then again with the session's state encoded and decoded after every
command, then the scripts of imaptest and of Apache James over TCP: against tests/serve when there is
one, else against the session's own listener.
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

# Groups of imaptest's scripts, and attested checks of James's, that must pass; more is fine.
IMAPTEST_FAILURES = 0
MPT_LEAST = int(open(os.path.join(VECTORS, "mpt", "LEAST")).read())


def fumi(build):
    """The program whose "session --stdio" is tested."""
    for path in ("src/cli/fumi", "tests/protocol/tcp_session"):
        path = os.path.join(build, path)
        if os.path.exists(path):
            return path
    raise SystemExit("nothing to test in %s" % build)


def conversations(program, *options):
    r = subprocess.run([sys.executable, os.path.join(HERE, "runner.py"), "--fumi", program, *options],
                       stdout=subprocess.PIPE, text=True)
    for line in r.stdout.splitlines():
        if not line.startswith("ok "):
            print(line, flush=True)
    return r.returncode == 0


class Listener:
    """The session's own server: believes every login, an account a user."""

    def __init__(self, build, directory):
        program = os.path.join(build, "tests", "protocol", "tcp_session")
        self.process = subprocess.Popen([program, "--tcp", "0", directory], stdout=subprocess.PIPE, text=True)
        self.port = int(re.search(r"\d+", self.process.stdout.readline())[0])

    def close(self):
        self.process.terminate()
        self.process.wait()


def run(name, argv):
    r = subprocess.run([sys.executable, *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print("# %s: %s" % (name, r.stdout.splitlines()[-1] if r.stdout else "no output"), flush=True)
    return r.stdout


def imaptest(port):
    folder = os.path.join(VECTORS, "imaptest")
    out = run("imaptest", [os.path.join(folder, "run.py"), "--port", str(port), "--user", "imaptest@example.org",
                           "--password", PASSWORD, os.path.join(folder, "scripts")])
    m = re.search(r"scripts (\d+) ok, (\d+) failed", out)
    ok = m and int(m[1]) > 20 and int(m[2]) <= IMAPTEST_FAILURES
    if not ok:
        print(out)
    return ok


def mpt(port):
    folder = os.path.join(VECTORS, "mpt")
    out = run("mpt", [os.path.join(folder, "run.py"), "--port", str(port), "--prefix", "mpt", "--delim", "/",
                      "--other-prefix", "~", "--password", PASSWORD,
                      "--attested", os.path.join(folder, "attested.json")])
    m = re.search(r"attested: .*checks (\d+)/", out)
    ok = m and int(m[1]) >= MPT_LEAST
    if not ok:
        print(out, "wanted at least %d checks" % MPT_LEAST)
    return ok


def main():
    build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build"))
    options = ["-v"] if "-v" in sys.argv else []
    results = {"conversations": conversations(fumi(build), *options),
               "conversations with round trips": conversations(fumi(build), "--round-trip", *options)}
    with tempfile.TemporaryDirectory(prefix="fumi-protocol-") as directory:
        server = Listener(build, directory)
        try:
            results["imaptest"] = imaptest(server.port)
            results["mpt"] = mpt(server.port)
        finally:
            server.close()
    print(json.dumps(results))
    sys.exit(0 if all(results.values()) else 1)


if __name__ == "__main__":
    main()
