#!/usr/bin/env python3
"""vectors.py MIME_SHOW DIR: compare what fumi says of the messages in DIR with expected.json (TAP)."""
import hashlib
import json
import os
import re
import subprocess
import sys

show, top = sys.argv[1:3]
ATOM = re.compile(rb'[^ ()"{]+')


def parse(b, i):
    """The IMAP list that starts at b[i]; its value and where it ends."""
    out = []
    i += 1
    while b[i:i + 1] != b')':
        c = b[i:i + 1]
        if c == b' ':
            i += 1
        elif c == b'(':
            v, i = parse(b, i)
            out.append(v)
        elif c == b'"':
            m = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.S).match(b, i)
            out.append(re.sub(rb'\\(.)', rb'\1', m[1]).decode('latin-1'))
            i = m.end()
        elif c == b'{':
            m = re.compile(rb'\{(\d+)\}\r\n').match(b, i)
            i = m.end() + int(m[1])
            out.append(b[m.end():i].decode('latin-1'))
        else:
            m = ATOM.match(b, i)
            w = m[0].decode()
            out.append(None if w == 'NIL' else int(w))
            i = m.end()
    return out, i + 1


def fold(x):
    """Case does not matter, nor whether text without a charset says us-ascii."""
    if isinstance(x, list):
        x = [fold(y) for y in x]
        if len(x) > 6 and x[0] == 'text' and x[2] is None:
            x[2] = ['charset', 'us-ascii']
        return x
    return x.lower() if isinstance(x, str) else x


def read(path):
    out = subprocess.run([show, path], capture_output=True, check=True).stdout
    raw = re.sub(rb'(?<!\r)\n', b'\r\n', open(path, 'rb').read())
    got = {'parts': {}}
    i = 0
    while not out.startswith(b'end\n', i):
        e = out.index(b'\n', i)
        w = out[i:e].split()
        i = e + 1
        if w[0] == b'size':
            got['size'] = int(w[1])
        elif w[0] in (b'env', b'bs'):
            value, end = parse(out, i)
            assert end == i + int(w[1]), 'no balanced list'
            got[w[0].decode()] = fold(value)
            i = end + 1
        else:
            at, n, header = map(int, w[2:])
            digest = hashlib.md5(raw[at:at + n]).hexdigest()[:12]
            if len(got['parts']) < 60:
                got['parts'][w[1].decode()] = [n, digest, header]
    return got


cases = json.load(open(os.path.join(top, 'expected.json')))
failed = 0
for k, want in enumerate(cases, 1):
    got = read(os.path.join(top, want['file']))
    bad = [q for q in want if q != 'file' and got[q] != (fold(want[q]) if q != 'parts' else want[q])]
    failed += bool(bad)
    print('%sok %d - %s' % ('not ' if bad else '', k, want['file']))
    for q in bad:
        print('# %s\n#  want %s\n#  got  %s' % (q, want[q], got[q]))
print('1..%d' % len(cases))
sys.exit(failed > 0)
