#!/usr/bin/env python3
"""Has each document of the Sieve language its tests? usage: check.py FUMI"""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# Extensions that no document of the list defines: vendors', and RFC 6785, whose events are tested end to end.
OTHERS = {"vnd.dovecot.environment", "vnd.dovecot.debug", "imapsieve"}


def documents():
    with open(os.path.join(HERE, "documents"), encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, extensions, *sections = line.split()
                yield name, [] if extensions == "-" else extensions.split(","), sections


def sections(path):
    """The sections that the names of a file's tests begin with, and names that begin with none."""
    with open(path, encoding="utf-8") as f:
        names = re.findall(r'^test "((?:[^"\\]|\\.)*)"', f.read(), re.M)
    of = [re.match(r"([0-9.]+|RFC 5051): ", n) for n in names]
    return {m[1] for m in of if m}, [n for n, m in zip(names, of) if not m]


def main(fumi):
    wrong, known = [], set(OTHERS)
    for name, extensions, wanted in documents():
        known.update(extensions)
        path = os.path.join(HERE, name + ".svtest")
        if not os.path.exists(path):
            wrong.append(f"{name} has no file of tests")
            continue
        have, unnamed = sections(path)
        wrong += [f"{name} has an example in section {s}, and no test of it" for s in wanted if s not in have]
        wrong += [f'{name}: the test "{n}" does not say of which section it is' for n in unnamed]
    told = subprocess.run([fumi, "sieve", "extensions"], capture_output=True, text=True, check=True).stdout.split()
    wrong += [f"no document has the extension {e}" for e in told if e not in known]
    for w in wrong:
        print(f"not ok {w}")
    print(f"{1 if not wrong else 0} passed, {len(wrong)} failed")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
