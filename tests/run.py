#!/usr/bin/env python3
"""Builds fumi and runs every test; ./check calls it. Ends with one line "N passed, N failed"."""
import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHON = "/usr/bin/python3"  # the one that Debian's pytest belongs to
FUZZ_SECONDS = 3
FUZZ_SECONDS_LONG = 600
# gcc 12 takes (iconv_t)-1 for a thing to close and does not see what a loop fills; the sanitizers look for both.
ANALYZER = "-fanalyzer -Wno-analyzer-malloc-leak -Wno-analyzer-use-of-uninitialized-value"


class Results:
    def __init__(self):
        self.passed = 0
        self.failed = 0

    def add(self, name, passed, failed, seconds, detail=""):
        self.passed += passed
        self.failed += failed
        print(f"{'FAIL' if failed else 'ok  '} {name}: {passed} passed, {failed} failed ({seconds:.0f} s)", flush=True)
        if failed and detail:
            print("\n".join("     " + line for line in detail.strip().splitlines()[-40:]), flush=True)


def call(argv, **kw):
    return subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, **kw)


def step(results, name, argv, **kw):
    """A command that passes or fails as a whole."""
    t = time.monotonic()
    r = call(argv, **kw)
    results.add(name, int(r.returncode == 0), int(r.returncode != 0), time.monotonic() - t, r.stdout)
    return r.returncode == 0


def build(results, name, directory, options, env=None):
    env = {**os.environ, **(env or {})}
    if not os.path.exists(os.path.join(ROOT, directory, "build.ninja")):
        if not step(results, f"configure {name}", ["meson", "setup", directory, *options], env=env):
            return False
    return step(results, f"build {name}", ["ninja", "-C", directory], env=env)


def unit(results, name, directory, *options):
    """The programs of meson test; each TAP line counts."""
    t = time.monotonic()
    log = os.path.join(ROOT, directory, "meson-logs", "testlog.json")
    r = call(["meson", "test", "-C", directory, "--no-rebuild", *options])
    passed = failed = 0
    detail = []
    try:
        with open(log) as f:
            for line in f:
                one = json.loads(line)
                out = one.get("stdout", "")
                bad = re.findall(r"^not ok .*", out, re.M)
                passed += len(re.findall(r"^ok ", out, re.M))
                failed += len(bad)
                if one["result"] not in ("OK", "SKIP") and not bad:
                    failed += 1
                if bad or one["result"] not in ("OK", "SKIP"):
                    detail += [f"{one['name']}: {one['result']}", *bad[:10], one.get("stderr", "")[-2000:]]
    except OSError as e:
        failed, detail = 1, [str(e), r.stdout]
    results.add(name, passed, failed, time.monotonic() - t, "\n".join(detail))


def counted(results, name, argv):
    """A program that ends with "N passed, N failed"."""
    t = time.monotonic()
    r = call(argv)
    m = re.search(r"(\d+) passed, (\d+) failed\s*$", r.stdout)
    passed, failed = (int(m[1]), int(m[2])) if m else (0, 0)
    if r.returncode != 0 and failed == 0:
        failed = 1
    results.add(name, passed, failed, time.monotonic() - t, r.stdout)


def pytest(results, name, *args):
    t = time.monotonic()
    report = os.path.join(ROOT, "build", "pytest.xml")
    if os.path.exists(report):
        os.unlink(report)
    r = call([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *args])
    try:
        suite = ET.parse(report).getroot().find("testsuite")
        bad = int(suite.get("failures")) + int(suite.get("errors"))
        skipped = int(suite.get("skipped"))
        results.add(f"{name} ({skipped} skipped)", int(suite.get("tests")) - bad - skipped, bad,
                    time.monotonic() - t, r.stdout)
    except (OSError, ET.ParseError) as e:
        results.add(name, 0, 1, time.monotonic() - t, f"{e}\n{r.stdout}")


def fuzz(results, directory, seconds):
    """Each target over its corpus, then a little beyond."""
    folder = os.path.join(ROOT, directory, "tests", "fuzz")
    for target in sorted(os.listdir(folder)):
        path = os.path.join(folder, target)
        if not target.startswith("fuzz_") or not os.access(path, os.X_OK) or os.path.isdir(path):
            continue
        corpus = os.path.join(ROOT, "tests", "fuzz", "corpus", target[5:])
        work = os.path.join(ROOT, directory, "corpus", target[5:])
        os.makedirs(work, exist_ok=True)
        dirs = [work] + ([corpus] if os.path.isdir(corpus) else [])
        step(results, target, [path, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
                               "-print_final_stats=0", "-close_fd_mask=1", f"-artifact_prefix={work}-", *dirs])


def sources():
    out = subprocess.run(["git", "ls-files", "src", "tests", "bench"], cwd=ROOT, capture_output=True, text=True,
                         check=True)
    return [f for f in out.stdout.split() if f.endswith((".c", ".h"))]


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--long", action="store_true", help="the soak runs too: hours")
    args = ap.parse_args()
    results = Results()
    start = time.monotonic()
    if build(results, "gcc", "build", []):
        unit(results, "unit and crash tests, gcc", "build", *(["--setup=long"] if args.long else []))
        counted(results, "sieve tests", ["build/fumi", "sieve", "test", *sorted(glob.glob("tests/sieve/*.svtest"))])
        counted(results, "documents of sieve", [PYTHON, "tests/sieve/check.py", "build/fumi"])
        counted(results, "requirements of RFC 1939", [PYTHON, "tests/protocol/check.py"])
        counted(results, "protocol tests", [PYTHON, "tests/protocol/run_all.py", "build"])
        pytest(results, "end-to-end tests", "tests/e2e")
    if build(results, "clang with sanitizers", "build-asan",
             ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dfuzz=true"], {"CC": "clang"}):
        unit(results, "unit tests, sanitizers", "build-asan", "--no-suite=crash", "--timeout-multiplier=4")
        fuzz(results, "build-asan", FUZZ_SECONDS_LONG if args.long else FUZZ_SECONDS)
    step(results, "clang-format", ["clang-format", "--dry-run", "-Werror", *sources()])
    if args.long:
        build(results, "gcc -fanalyzer", "build-analyzer", [f"-Dc_args={ANALYZER}"])
        if shutil.which("clang-tidy"):
            step(results, "clang-tidy", ["clang-tidy", "-p", "build", "--quiet", "--warnings-as-errors=*",
                                         *[f for f in sources() if f.startswith("src/") and f.endswith(".c")]])
    print(f"{(time.monotonic() - start) / 60:.1f} minutes", flush=True)
    print(f"{results.passed} passed, {results.failed} failed", flush=True)
    sys.exit(1 if results.failed else 0)


if __name__ == "__main__":
    main()
