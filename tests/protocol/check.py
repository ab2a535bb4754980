#!/usr/bin/env python3
"""Does each requirement that the file rfc1939 lists have a test that is there? usage: check.py"""

import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HEAD = re.compile(r"\d+(\.\d+)* (MUST|SHOULD) \S")


def requirements(path):
    """(requirement, [(file, name)])"""
    out = []
    with open(path, encoding="utf-8") as f:
        for line in f:
            if line.startswith("    "):
                out[-1][1].append(tuple(line.split(maxsplit=1)))
            elif line.strip() and not line.startswith("#"):
                out.append((line.strip(), []))
    return out


def has(path, name):
    """A conversation, a function, the name of a case, or, in a document, these words."""
    path = os.path.join(ROOT, path)
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if path.endswith(".pop3"):
        return f"\n=== {name}\n" in text
    if path.endswith(".py"):
        return re.search(rf"^ *def {re.escape(name)}\(", text, re.M) is not None
    if path.endswith(".c"):
        whole = re.sub(r'"\s+"', "", text)
        return f'"{name}"' in whole or f"\n{name}(void)\n" in text
    return name in text


def main():
    wrong, found = [], requirements(os.path.join(HERE, "rfc1939"))
    for what, tests in found:
        if not HEAD.match(what):
            wrong.append(f"{what}: no section and level")
        if not tests:
            wrong.append(f"{what}: nothing holds it")
        wrong += [f"{what}: {path} has no {name.strip()}" for path, name in tests if not has(path, name.strip())]
    for w in wrong:
        print(f"not ok {w}")
    print(f"{len(found) - len(wrong)} passed, {len(wrong)} failed")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
