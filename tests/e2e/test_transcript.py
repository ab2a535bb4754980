"""The session of figures 8 and 9 of the column in tests/vectors/source001, from an mbox as in its figure 3."""
import pytest
from serving import VECTORS

# the From_ line of figure 3, with its comma and odd order
FROM_LINE = b"From sengoku@gcd.org Sun, 06 Jan 07:08:41 2002\n"
SIZES = [470, 474, 267]


@pytest.fixture(scope="module")
def sent():
    out = []
    for i in (1, 2, 3):
        with open(f"{VECTORS}/source001/{i}.eml", "rb") as f:
            out.append(f.read())
    return out


@pytest.fixture
def imported(server, account, sent, tmp_path):
    """Lines that begin with From are quoted there."""
    with open(tmp_path / "mbox", "wb") as f:
        for m in sent:
            text = m.replace(b"\r\n", b"\n").replace(b"\nFrom ", b"\n>From ")
            f.write(FROM_LINE + text + b"\n")
    server.fumi("import", "-u", account.name, "mbox", str(tmp_path / "mbox"))
    return account


def test_figures_8_and_9(server, imported, sent):
    assert [len(m) for m in sent] == SIZES
    c = server.raw(imported)
    untagged = c.ok(b"SELECT INBOX")
    assert b"* 3 EXISTS" in untagged and b"* 3 RECENT" in untagged
    assert any(u.startswith(b"* OK [UIDVALIDITY ") for u in untagged)
    assert any(u.startswith(b"* OK [UIDNEXT 4]") for u in untagged)

    got = c.ok(b"UID FETCH 1:100 (RFC822.SIZE BODY[HEADER.FIELDS (DATE FROM SUBJECT)])")
    fetched = [u for u in got if b"RFC822.SIZE" in u]
    # both Date fields of the first: the column's server gave one
    for i, (size, literal) in enumerate(zip(SIZES, (106, 71, 64)), 1):
        u = fetched[i - 1]
        assert u.startswith(b"* %d FETCH (" % i) and b"UID %d" % i in u
        assert b"RFC822.SIZE %d" % size in u
        head, text = u.split(b"\r\n", 1)
        assert head.endswith(b"BODY[HEADER.FIELDS (DATE FROM SUBJECT)] {%d}" % literal)
        assert text[:literal].endswith(b"\r\n\r\n")
    assert fetched[0].count(b"\r\nDate: ") == 2
    # \Recent, and \Seen once fetched without PEEK, then reported
    for i in (1, 2, 3):
        flags = [u for u in got if u.startswith(b"* %d FETCH (" % i) and b"FLAGS" in u]
        assert flags and b"\\Seen" in flags[-1] and b"\\Recent" in flags[-1]

    (u,) = [u for u in c.ok(b"UID FETCH 3 BODY[]") if b"BODY[]" in u]
    head, text = u.split(b"\r\n", 1)
    assert head.endswith(b"BODY[] {267}") and text[:267] == sent[2]
    tag = c.begin(b"LOGOUT")
    untagged, status = c.end(tag)
    assert untagged[0].startswith(b"* BYE") and status.startswith(b"OK")

    # another session is told of no recent ones, and of what was seen
    c = server.raw(imported)
    assert b"* 0 RECENT" in c.ok(b"SELECT INBOX")
    assert c.ok(b"UID SEARCH SEEN")[-1].split() == [b"*", b"SEARCH", b"1", b"2", b"3"]
    c.close()


def test_dates_and_octets(server, imported, sent):
    c = server.raw(imported)
    c.ok(b"EXAMINE INBOX")
    for i, m in enumerate(sent, 1):
        (u,) = c.ok(b"FETCH %d (INTERNALDATE BODY.PEEK[])" % i)
        assert b'INTERNALDATE "06-Jan-2002 07:08:41 +0000"' in u or b'INTERNALDATE " 6-Jan-2002 07:08:41 +0000"' in u
        assert m in u
    c.close()


def test_export_writes_the_asctime_form(server, imported, sent, tmp_path):
    server.fumi("export", "-u", imported.name, "--format", "mbox", str(tmp_path / "out"))
    text = b"".join(p.read_bytes() for p in sorted((tmp_path / "out").rglob("*")) if p.is_file())
    assert text.count(b"\n\nFrom ") + text.startswith(b"From ") == 3
    assert text.count(b" Sun Jan  6 07:08:41 2002\n") == 3
    assert b"\n>From \x1b$B" in text
