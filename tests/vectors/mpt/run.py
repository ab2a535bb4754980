#!/usr/bin/env python3
"""Drive James-style MPT scripts (C:/S:/SUB { }/SESSION: lines) against any IMAP server.

Original code, Python 3 standard library only.  Reads the scripts and manifest.json as data.

  mpt_run.py --port 15143 [--host 127.0.0.1] [--mode lenient|strict] [--only RE] [--skip RE]
             [--delim .] [--other-prefix user.] [--list-users] [--json OUT] [-v]

lenient (default): compares meaning, not wording.  One logical response (literals included) at a
  time; untagged responses of one command in any order; text after OK/NO/BAD free; response codes
  required only where a standard makes them so; FETCH/STATUS items and flags in any order;
  \\Recent/RECENT and quoting ignored; unasked-for EXISTS/RECENT/FLAGS/OK tolerated.
strict: what James itself does, line by line, full-match regexes (only James passes).
Every client command with an expectation is one check; a script passes when all its checks do.
"""
import argparse, itertools, json, os, re, socket, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
ap = argparse.ArgumentParser()
ap.add_argument('--host', default='127.0.0.1'); ap.add_argument('--port', type=int, required=True)
ap.add_argument('--mode', default='lenient', choices=['lenient', 'strict'])
ap.add_argument('--scripts', default=HERE + '/scripts')
ap.add_argument('--manifest', default=HERE + '/manifest.json')
ap.add_argument('--only'); ap.add_argument('--skip'); ap.add_argument('--json')
ap.add_argument('--delim', default='.'); ap.add_argument('--other-prefix', default='user.')
ap.add_argument('--password', default='password'); ap.add_argument('--prefix', default='mpt')
ap.add_argument('--domain', default='')
ap.add_argument('--attested', help='JSON {suite/script: [lines]}: count only these checks')
ap.add_argument('--timeout', type=float, default=4.0)
ap.add_argument('--list-users', action='store_true'); ap.add_argument('-v', action='store_true')
A = ap.parse_args()
REQUIRED = {'TRYCREATE', 'READ-WRITE', 'READ-ONLY', 'COPYUID', 'APPENDUID', 'BADCHARSET', 'MODIFIED',
            'UIDVALIDITY', 'UIDNEXT', 'NOMODSEQ', 'OVERQUOTA', 'LONGENTRIES', 'METADATA', 'NOPERM'}
SOFT = {'NOPERM', 'OVERQUOTA'}

class Fail(Exception): pass
class Closed(Fail): pass

class Conn:
    def __init__(s):
        s.k = socket.create_connection((A.host, A.port), A.timeout); s.b = b''; s.cur = None
    def send(s, t):
        try: s.k.sendall(t.encode('utf-8', 'surrogateescape') + b'\r\n')
        except OSError as e: raise Closed('send: %s' % e)
    def fill(s, t):
        s.k.settimeout(max(t, 0.01))
        try: d = s.k.recv(65536)
        except socket.timeout: raise Fail('timeout')
        except OSError as e: raise Closed('recv: %s' % e)
        if not d: raise Closed('connection closed')
        s.b += d
    def line(s, end):
        while b'\n' not in s.b: s.fill(end - time.time())
        l, s.b = s.b.split(b'\n', 1)
        return l.rstrip(b'\r')
    def resp(s, wait=None):
        end = time.time() + (A.timeout if wait is None else wait)
        out = b''
        while True:
            l = s.line(end); out += l
            m = re.search(rb'~?\{(\d+)\}$', l)
            if not m or l[:1] == b'+': return out.decode('utf-8', 'surrogateescape')
            n = int(m[1]); out += b'\r\n'
            while len(s.b) < n: s.fill(end - time.time())
            out += s.b[:n]; s.b = s.b[n:]
    def close(s):
        try: s.k.close()
        except OSError: pass

def parse(path):
    el, sess = [], -1
    it = iter(open(path, encoding='utf-8', errors='surrogateescape', newline='').read().split('\n'))
    n = 0
    for raw in it:
        n += 1; l = raw.rstrip('\r')
        if l.startswith('C:'): el.append(('C', sess, l[3:], n))
        elif l.startswith('S:'): el.append(('S', sess, [l[3:]], n))
        elif l.startswith('SUB {'):
            b = []
            for raw in it:
                n += 1
                if raw.startswith('}'): break
                b.append(raw.rstrip('\r')[3:])
            el.append(('S', sess, b, n, True))
        elif l.startswith('SESSION:'): sess = int(l[8:].strip())
        elif l.startswith('REINIT'): el.append(('R', sess, '', n))
        elif l.startswith('WAIT '): el.append(('W', sess, l[5:], n))
        elif l.startswith('AWAIT'): el.append(('W', sess, '200', n))
    return el

# ---------- lenient matching
TAGGED = re.compile(r'^(\S+) (OK|NO|BAD|\(OK\|NO\)|\(NO\|BAD\))\b')
LIT = re.compile(r'\{(\d+)\\?\}$')
def plainlen(l): return len(re.sub(r'\\(.)', r'\1', l).encode('utf-8', 'surrogateescape'))
def logical(lines):
    """expected S lines -> list of logical expected responses (literals kept whole)"""
    out = []; left = None          # bytes still due in the open literal
    for l in lines:
        if left is not None:
            out[-1] += '\r\n' + l
            n = plainlen(l) + 2
            if n <= left: left -= n; continue
            m = LIT.search(l); left = int(m[1]) if m else None
            continue
        start = l.startswith((r'\* ', '* ', r'\+', '^')) or (TAGGED.match(l) and not l.startswith('\\')) or l == '.*'
        if start or not out: out.append(l)
        else: out[-1] += '\r\n' + l
        m = LIT.search(l); left = int(m[1]) if m else None
    return out

def unre(p):
    """regex text -> plain text, or None when it is more than escaped literals"""
    if re.search(r'(?<!\\)[\*\+\?\|\(\)\[\]\{\}]', p) or re.search(r'\\[dwsbS]', p): return None
    return re.sub(r'\\(.)', r'\1', p)

def sortflags_txt(t, keep=None):
    def f(m):
        w = [x for x in m[1].split() if x.lower() != '\\recent']
        if keep is not None: w = [x for x in w if x.lower() in keep]
        return '(' + ' '.join(sorted(w, key=str.lower)) + ')'
    return re.sub(r'\(((?:[\\$\w*.-]+ ?)*)\)', f, t)
def sortflags_pat(p):
    def f(m):
        w = [x for x in m[1].split(' ') if x and x.lower() != '\\\\recent']
        return r'\(' + ' '.join(sorted(w, key=lambda x: x.replace('\\\\', '\\').lower())) + r'\)'
    return re.sub(r'\\\(((?:(?:\\\\\w+|\$\w+|[\w-]+) ?)*)\\\)', f, p)

def items(t):
    """split 'A 1 B (x) C[..] {n}\\r\\n...' at top level into words"""
    w, d, cur, q, i = [], 0, '', False, 0
    while i < len(t):
        c = t[i]
        m = re.match(r'~?\{(\d+)\}\r\n', t[i:]) if not q else None
        if m:
            raw = t[i + m.end():].encode('utf-8', 'surrogateescape'); n = int(m[1])
            body = raw[:n].decode('utf-8', 'surrogateescape'); cur += m[0] + body; i += len(m[0]) + len(body); continue
        if q:
            cur += c
            if c == '\\' and i + 1 < len(t): cur += t[i + 1]; i += 1
            elif c == '"': q = False
        elif c == '"': q = True; cur += c
        elif c in '([': d += 1; cur += c
        elif c in ')]': d -= 1; cur += c
        elif c == ' ' and d == 0:
            w.append(cur); cur = ''
        else: cur += c
        i += 1
    if cur: w.append(cur)
    return w

def delit(t):
    """short one-line literals as quoted strings"""
    while True:
        m = re.search(r'~?\{(\d+)\}\r\n', t)
        if not m: return t
        raw = t[m.end():].encode('utf-8', 'surrogateescape'); n = int(m[1])
        t = t[:m.start()] + '"' + raw[:n].decode('utf-8', 'surrogateescape') + '"' + raw[n:].decode('utf-8', 'surrogateescape')
def rx(p, t):
    vs = [(p, t), (re.sub(r'\\?"', '', p), t.replace('"', ''))]
    if '{' in t and '{' not in p: d = delit(t); vs += [(p, d), (re.sub(r'\\?"', '', p), d.replace('"', ''))]
    if r'\{0\}' in p or '{0}' in t:
        vs.append((re.sub(r'\\?"', '', p).replace('\\{0\\}\r\n', ''), t.replace('"', '').replace('{0}\r\n', '')))
    for a, b in vs:
        try:
            if re.fullmatch(a, b, re.I): return True
        except re.error: return unre(p) == t
    return False

def match(p, t):
    if rx(p, t): return True
    m = re.match(r'(\\\* OK \\\[.*?\\\]).*$', p)
    if m and t.startswith('* OK ['): return rx(m[1] + '.*', t)
    m = re.match(r'\* (\d+) FETCH \((.*)\)$', t, re.S)
    if m and re.match(r'\\\* \S+ FETCH', p):
        w = items(m[2])
        if len(w) % 2: return False
        it = [(w[i], w[i + 1]) for i in range(0, len(w), 2)]
        it = [(k, sortflags_txt(v) if k.upper() == 'FLAGS' else v) for k, v in it]
        ps = [sortflags_pat(p)]
        if 'FLAGS' in p: ps.append(re.sub(r' ?FLAGS \\\(.*?\\\)(?= |\\\)|$)', '', ps[0]).replace(r'\( ', r'\('))
        its = [it]
        if len(it) > 1: its.append([x for x in it if x[0].upper() != 'FLAGS'])
        if len(it) > 2: its.append([x for x in it if x[0].upper() not in ('FLAGS', 'MODSEQ')])
        if len(it) > 1: its.append([x for x in it if x[0].upper() not in ('MODSEQ',)])
        if len(it) > 1: its.append([x for x in it if x[0].upper() not in ('UID',)])
        for s in its:
            if len(s) > 6: s = s[:6]
            for q in ps:
                for perm in itertools.permutations(s):
                    if rx(q, '* %s FETCH (%s)' % (m[1], ' '.join(k + ' ' + v for k, v in perm))): return True
        return False
    m = re.match(r'\* (LIST|LSUB|XLIST) \(([^)]*)\) (.*)$', t)
    if m:
        want = re.match(r'\\\* (?:X?LIST|LSUB) \\\((.*?)\\\)', p)
        keep = {x.replace('\\\\', '\\').lower() for x in want[1].split()} if want else None
        return rx(sortflags_pat(p), '* %s %s %s' % (m[1], sortflags_txt('(' + m[2] + ')', keep), m[3]))
    m = re.match(r'\* STATUS (.*) \(([^)]*)\)$', t)
    if m:
        w = m[2].split(); prs = [w[i] + ' ' + w[i + 1] for i in range(0, len(w) - 1, 2)]
        return len(prs) < 7 and any(rx(p, '* STATUS %s (%s)' % (m[1], ' '.join(x))) for x in itertools.permutations(prs))
    m = re.match(r'\* (MYRIGHTS|ACL) (.*)$', t)
    if m:
        norm = lambda s: [x if i < 1 or (m[1] == 'ACL' and i % 2) else ''.join(sorted(set(x) - set('cdn0123456789'))) for i, x in enumerate(items(s))]
        e = unre(p)
        if e:
            x, y = norm(e.replace('"', '').split(' ', 2)[2]), norm(m[2].replace('"', ''))
            if m[1] == 'ACL': return x[0].lower() == y[0].lower() and {(x[i].lower(), x[i + 1]) for i in range(1, len(x) - 1, 2)} <= {(y[i].lower(), y[i + 1]) for i in range(1, len(y) - 1, 2)}
            return [a.lower() for a in x] == [a.lower() for a in y]
        return False
    m = re.match(r'\* (SEARCH|SORT)( .*)?$', t)
    if m:
        e = unre(p)
        return e is not None and e.split()[:2] == t.split()[:2] and sorted(e.split()[2:]) == sorted((m[2] or '').split())
    m = re.match(r'\* ESEARCH (\(TAG \S+\))(.*)$', t)
    if m:
        w = items(m[2].strip()); uid = [x for x in w if x == 'UID']; w = [x for x in w if x != 'UID']
        prs = [' '.join(w[i:i + 2]) for i in range(0, len(w), 2)]
        return len(prs) < 7 and any(rx(p, ' '.join(['* ESEARCH', m[1]] + uid + list(x))) for x in itertools.permutations(prs))
    m = re.match(r'\* (FLAGS|CAPABILITY|ENABLED|NAMESPACE|ID)\b', t)
    if m: return bool(re.match(r'\\\* ' + m[1], p))
    return False

CODE = re.compile(r'^\\\* OK \\\[(\w[\w-]*)')
def optional(p):
    if re.match(r'\\\* \S+ RECENT$', p): return True
    if re.match(r'\\\* FLAGS', p): return True
    m = CODE.match(p)
    if m: return m[1] not in ('UIDVALIDITY', 'UIDNEXT')
    return bool(re.match(r'\\\* OK|\\\* BYE|\\\* CAPABILITY', p))
def noise(t):
    if re.match(r'\* LIST \([^)]*\\(Noselect|NonExistent)[^)]*\)', t, re.I): return True
    return bool(re.match(r'\* (OK|NO|BYE|\d+ (EXISTS|RECENT)|FLAGS|CAPABILITY|ENABLED|VANISHED)\b', t)
                or re.match(r'\* \d+ FETCH \((UID \d+ )?(FLAGS \([^)]*\)|MODSEQ \(\d+\)| |UID \d+)+\)$', t))

def tagged_ok(p, t):
    m = re.match(r'^(\S+?) \(?(OK|NO|BAD)(?:\|(OK|NO|BAD))?\)?(.*)$', p)
    if not m: return rx(p, t)
    a = re.match(r'^(\S+) (OK|NO|BAD)(?: (\[[^\]]*\]))?', t, re.I)
    if not a: return False
    want = {m[2], m[3]} - {None}
    fail = {'NO', 'BAD'}
    if not (a[2].upper() in want or (want & fail and a[2].upper() in fail)): return False
    c = re.match(r' \\\[([\w-]+)', m[4])
    if c and c[1].upper() in REQUIRED - SOFT:
        code = re.match(r' (\\\[.*?\\\])', m[4])[1]
        return bool(a[3]) and (rx(code, a[3]) or a[3][1:].upper().startswith(c[1].upper()))
    return True

def orig(seq):
    """sequence numbers of successive EXPUNGEs -> the numbers they had at first"""
    gone = []
    for n in seq:
        for g in sorted(gone):
            if g <= n: n += 1
        gone.append(n)
    return set(gone)

def expect(c, exps, tag, unord=False):
    """read responses on connection c until the expectations exps are met; raise Fail"""
    lg = exps; lg0 = list(exps)
    tagd = [p for p in lg if not p.startswith(('\\*', '*', '\\+', '.*', '^'))]
    anyt = [p for p in lg if p == '.*']
    cont = [p for p in lg if p.startswith('\\+')]
    unt = [p for p in lg if p.startswith(('\\*', '*', '^'))]
    extra, got = [], []
    need = lambda: [p for p in unt if not optional(p)]
    bye = any('BYE' in p for p in lg)
    def done():
        return not tagd and not anyt and not cont and not need()
    first = True
    while True:
        if done() and not bye: break
        try: t = c.resp()
        except Closed:
            if bye and not tagd: return
            raise
        got.append(t)
        if t.startswith('* '):
            if bye and t.upper().startswith('* BYE'): bye = False
            for p in unt:
                if match(p, t): unt.remove(p); break
            else:
                if not noise(t): extra.append(t)
                else:
                    for p in unt:
                        k = CODE.match(p)
                        if k and t.upper().startswith('* OK [' + k[1].upper()):
                            if k[1] in ('UIDVALIDITY',) : unt.remove(p)
                            break
        elif t.startswith('+'):
            if cont: cont.pop(0)
            else: extra.append(t)
        else:
            bye = False
            if anyt: anyt.pop(0); break
            if tagd and tagd[0].split(' ')[0] in (t.split(' ')[0],):
                p = tagd.pop(0)
                if not tagged_ok(p, t): raise Fail('want %r got %r%s' % (p, t, ' extra %r' % extra[:2] if extra else ''))
                if not tagd: break
            elif tagd or cont:
                raise Fail('want %r got %r' % ((tagd or cont)[0], t))
            else: extra.append(t); break
    # EXPUNGE: any order that removes the same messages
    we = [int(m[1]) for m in (re.match(r'\\\* (\d+) EXPUNGE$', p) for p in lg0) if m]
    ge = [int(m[1]) for m in (re.match(r'\* (\d+) EXPUNGE$', t, re.I) for t in got) if m]
    if we and orig(we) == orig(ge):
        unt[:] = [p for p in unt if not p.endswith('EXPUNGE')]
    miss = need()
    if miss: raise Fail('missing %r; got %r' % (miss[0][:300], [x[:300] for x in extra[:3]] or got[-2:]))
    ex = [t for t in extra if not re.match(r'\* \d+ EXPUNGE', t)]
    if ex and not re.match(r'\* (NAMESPACE|ID)\b', ex[0]): raise Fail('unexpected %r' % ex[0][:300])

def subst(t, users, pat=False):
    me = users.get('imapuser')
    t = re.sub(r'(?i)\buser(\\?)\.imapuser\\?\.(?=\w)', '', t) if me else t
    t = re.sub(r'(?i)\buser(\\?)\.imapuser\b', 'INBOX', t) if me else t
    for a, b in users.items(): t = re.sub(r'(?i)(?<![a-z0-9_-])%s(?![a-z0-9])' % a, b, t)
    t = re.sub(r'#user(\\?)\.', lambda m: A.other_prefix.replace('.', m[1] + '.') if A.other_prefix.endswith('.') else A.other_prefix, t)
    t = t.replace('"#user"', '"%s"' % A.other_prefix.rstrip('.'))
    return re.sub(r'#private(\\)?\.(imapuser\.)?', '', t)

class Setup:
    def __init__(s, u, pw): s.c = Conn(); s.c.resp(); s.n = 0; s.cmd('LOGIN %s %s' % (u, pw))
    def cmd(s, t, lit=None, ok=False):
        s.n += 1; tag = 's%d' % s.n
        if lit is not None:
            s.c.send('%s %s {%d}' % (tag, t, len(lit)))
            while not s.c.resp().startswith('+'): pass
            s.c.k.sendall(lit.encode() + b'\r\n')
        else: s.c.send(tag + ' ' + t)
        while True:
            r = s.c.resp()
            if r.startswith(tag + ' '):
                if not r.startswith(tag + ' OK') and not ok: raise Fail('set-up %s: %s' % (t, r))
                return r

def setup(e, users):
    per = {}
    name = lambda m: 'INBOX' if m in ('""', 'INBOX') else m.replace('.', A.delim)
    todo = [('m', m) for m in e['mailboxes']] + [('f', m) for m in e['fills']] + [('g',) + (g[0], g[1], g[2]) for g in e['grants']]
    for x in todo:
        u, box = x[1][0], name(x[1][1])
        if u is None: raise Fail('set-up not understood %r' % (x,))
        uu = users.get(u.lower(), u)
        if uu not in per: per[uu] = Setup(uu, dict(e['users']).get(u, A.password))
        k = per[uu]
        if box != 'INBOX': k.cmd('CREATE "%s"' % box, ok=True)
        if x[0] == 'f':
            if e['script'].startswith('aclIntegration'):
                body = ('Date: Mon, 7 Feb 1994 21:52:25 -0800 (PST)\r\nFrom: Fred Foobar <foobar@Blurdybloop.COM>\r\nSubject: afternoon meeting 2\r\n'
                        'To: mooch@owatagu.siam.edu\r\nMessage-Id: <B27397-0100000@Blurdybloop.COM>\r\nMIME-Version: 1.0\r\n'
                        'Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nHello Joe, could we change that to 4:00pm tomorrow?\r\n\r\n')
                for f in ('', '\\Seen', '\\Flagged', '\\Deleted'): k.cmd('APPEND "%s" (%s)' % (box, f), body)
            else:
                for i in range(10): k.cmd('APPEND "%s"' % box, 'Subject: %s %d\r\n\r\nBODY %d\r\n' % (x[1][1], i, i))
        if x[0] == 'g': k.cmd('SETACL "%s" %s %s' % (box, users.get(x[2].lower(), x[2]), x[3]))
    for k in per.values(): k.cmd('LOGOUT', ok=True); k.c.close()

SETUP_SEL = 'SelectedStateSetup'
def run(i, e):
    users = {}
    for u in {'imapuser'} | {x[0].lower() for x in e['users']} | {(m[0] or '').lower() for m in e['mailboxes'] + e['fills']} - {''}:
        users[u] = '%s%03d%s%s' % (A.prefix, i, u[0], A.domain)
    if 'AuthenticatePlain' in e['script']: users = {}
    if A.list_users: return users
    el = []
    pre = e['pre']
    if 'authenticate' in pre: el += [('C', -1, 'a001 LOGIN imapuser password', 0), ('S', -1, ['a001 OK .*'], 0)]
    if 'selectInbox' in pre: el += [('C', -1, 'abcd SELECT inbox', 0), ('S', -1, ['abcd OK \\[READ-WRITE\\].*'], 0)]
    if 'prepareMailbox' in pre: el += [x[:3] + (0,) + x[4:] for x in parse(A.scripts + '/%s.test' % SETUP_SEL)]
    body = parse(A.scripts + '/%s.test' % e['script'])
    npre = len(el); el += body
    ns = max([x[1] for x in el] + [0]) + 1
    res = dict(script=e['script'], suite=e['suite'], ok=0, bad=0, fails=[], passed=[])
    try: setup(e, users)
    except (Fail, OSError) as x: res['bad'] += 1; res['fails'].append((0, 'SETUP ' + str(x))); return res
    cs = [Conn() for _ in range(ns)]
    greeted = 'welcome' in pre
    try:
        if greeted:
            for c in cs: c.resp()
        n = 0
        while n < len(el):
            x = el[n]
            tgt = cs if x[1] < 0 else [cs[x[1]]]
            if x[0] == 'C':
                t = subst(x[2], users)
                if t.startswith('a001 LOGIN') and x[3] == 0: t = 'a001 LOGIN %s %s' % (users.get('imapuser', 'imapuser'), A.password)
                if A.delim != '.': t = t
                for c in tgt: c.send(t)
                n += 1; continue
            if x[0] == 'R':
                for c in tgt:
                    j = cs.index(c); c.close(); cs[j] = Conn(); cs[j].resp()
                n += 1; continue
            if x[0] == 'W': time.sleep(min(int(x[2] or 0), 3000) / 1000.); n += 1; continue
            j = n; lines = []
            if A.mode == 'strict':
                try:
                    for c in tgt:
                        want = [subst(l, users, 1) for l in x[2]]
                        while want:
                            t = c.line(time.time() + A.timeout).decode('utf-8', 'surrogateescape')
                            hit = [w for w in want if re.fullmatch(w, t)]
                            if not hit: raise Fail('want %r got %r' % (want[0], t))
                            want.remove(hit[0])
                    if x[3]: res['ok'] += 1
                except re.error: res['bad'] += 1; return res
                except Fail as f: res['bad'] += 1; res['fails'].append((x[3], str(f))); return res
                n += 1; continue
            lg = []
            while j < len(el) and el[j][0] == 'S' and el[j][1] == x[1]:
                if len(el[j]) > 4: lg += logical([subst(l, users, 1) for l in el[j][2]]) ; lines = []
                else:
                    # join runs of single lines so literals stay whole
                    k = j; buf = []
                    while k < len(el) and el[k][0] == 'S' and el[k][1] == x[1] and len(el[k]) == 4:
                        buf += [subst(l, users, 1) for l in el[k][2]]; k += 1
                    lg += logical(buf); j = k - 1
                j += 1
            tag = None
            for c in tgt:
                try:
                    expect(c, list(lg), tag)
                    if x[3]: res['ok'] += 1; res['passed'].append(x[3])
                except Closed as f:
                    res['bad'] += 1; res['fails'].append((x[3], str(f))); raise
                except Fail as f:
                    res['bad'] += 1; res['fails'].append((x[3], str(f)))
                    if x[3] == 0: raise Closed('set-up step')
                    # resynchronise
                    if 'timeout' not in str(f):
                        tags = [p.split(' ')[0] for p in lg if not p.startswith(('\\', '*', '.'))]
                        if tags and 'missing' not in str(f) and 'unexpected' not in str(f): pass
            n = j
    except (Closed, OSError) as f:
        if not res['fails']: res['bad'] += 1; res['fails'].append((0, str(f)))
        # what was not reached counts as failed
        res['bad'] += sum(1 for y in el[n + 1:] if y[0] == 'S' and TAGGED.match(y[2][0] if y[2] else ''))
    finally:
        for c in cs: c.close()
    return res

def main():
    man = json.load(open(A.manifest)); out = []; allu = set()
    for i, e in enumerate(man):
        nm = e['suite'] + '/' + e['script']
        if A.only and not re.search(A.only, nm): continue
        if A.skip and re.search(A.skip, nm): continue
        try: r = run(i, e)
        except (re.error, OSError) as x: r = dict(script=e['script'], suite=e['suite'], ok=0, bad=1, fails=[(0, 'runner: %r' % x)])
        if A.list_users: allu |= set(r.values()); continue
        out.append(r)
        print('%-4s %-24s %-34s %d/%d' % ('ok' if not r['bad'] else 'FAIL', r['suite'], r['script'], r['ok'], r['ok'] + r['bad']))
        for n, f in r['fails'][: 99 if A.v else 1]: print('       line %d: %s' % (n, f[:700 if A.v else 260]))
        sys.stdout.flush()
    if A.list_users: print('\n'.join(sorted(allu))); return
    if A.attested:
        att = json.load(open(A.attested)); tot = won = whole = n = 0
        for r in out:
            k = att.get(r['suite'] + '/' + r['script'])
            if not k: continue
            h = len(set(k) & set(r.get('passed', ()))); tot += len(k); won += h; n += 1; whole += h == len(k)
            if h < len(k): print('short %s/%s %d/%d lines %s' % (r['suite'], r['script'], h, len(k), sorted(set(k) - set(r.get('passed', ())))[:12]))
        print('attested: scripts %d/%d  checks %d/%d' % (whole, n, won, tot))
    p = sum(not r['bad'] for r in out); ok = sum(r['ok'] for r in out); bad = sum(r['bad'] for r in out)
    print('scripts %d/%d  checks %d/%d' % (p, len(out), ok, ok + bad))
    if A.json: json.dump(out, open(A.json, 'w'), indent=1)
main()
