"""Annotations (RFC 5464) between clients, and what scripts make of them (RFC 5490)."""
import smtplib

from serving import message
from test_managesieve import Client

SCRIPT = b"""require ["fileinto", "mailbox", "mboxmetadata", "servermetadata", "variables"];
if not servermetadataexists "/private/vendor/fumi/sorted" { keep; }
elsif servermetadata :matches "/private/vendor/fumi/sorted" "to *" {
    fileinto :create "${1}";
    if not metadata :is "INBOX" "/shared/comment" "no copies" { keep; }
    if metadataexists "Nowhere" "/shared/comment" { discard; }
}"""


def deliver(server, account, subject):
    with smtplib.LMTP("127.0.0.1", server.ports["lmtp"], timeout=60) as s:
        s.sendmail("alice@example.net", [account.name], message(subject))


def messages(c, *boxes):
    return [int(c.ok(b"STATUS %s (MESSAGES)" % box)[0].split()[-1].rstrip(b")")) for box in boxes]


def test_scripts_read_annotations(server, account):
    sieve = Client(server, account)
    assert sieve.do(b'PUTSCRIPT "m" {%d+}\r\n%s' % (len(SCRIPT), SCRIPT))[1].startswith(b"OK")
    assert sieve.do(b'SETACTIVE "m"')[1].startswith(b"OK")
    deliver(server, account, "one")
    c = server.raw(account)
    assert messages(c, b"INBOX") == [1]
    c.ok(b'SETMETADATA "" (/private/vendor/fumi/sorted "to Sorted")')
    deliver(server, account, "two")
    assert messages(c, b"INBOX", b"Sorted") == [2, 1]
    c.ok(b'SETMETADATA INBOX (/shared/comment "No copies")')
    deliver(server, account, "three")
    assert messages(c, b"INBOX", b"Sorted") == [2, 2]
    c.ok(b'SETMETADATA "" (/private/vendor/fumi/sorted NIL)')
    deliver(server, account, "four")
    assert messages(c, b"INBOX", b"Sorted") == [3, 2]
    c.close()


def test_too_many(server, account):
    """As many as a mailbox may have, then none more; none of a command that cannot be done whole."""
    c = server.raw(account)

    def put(names):
        return c.command(b"SETMETADATA INBOX (" + b" ".join(b'%s "x"' % n for n in names) + b")")[1]

    assert put([b"/shared/%d" % i for i in range(95)]).startswith(b"OK")
    assert put([b"/private/%d" % i for i in range(6)]).startswith(b"NO [METADATA TOOMANY]")
    assert put([b"/private/%d" % i for i in range(1, 6)]).startswith(b"OK")
    data = c.ok(b"GETMETADATA (DEPTH infinity) INBOX /private")
    assert len(data) == 1 and data[0].count(b"/private/") == 5 and b"/private/0" not in data[0]
    c.close()
    c = server.raw(account)
    assert put([b"/private/1"]).startswith(b"OK")
    assert put([b"/private/6"]).startswith(b"NO [METADATA TOOMANY]")
    c.close()


def test_values_of_every_octet(server, account):
    """The largest value comes back as it was put, synchronising or not."""
    c = server.raw(account)
    value = bytes(range(256)) * 256
    c.ok(b'SETMETADATA "" (/shared/vendor/fumi/x ~{%d+}\r\n%s)' % (len(value), value))
    data = c.ok(b'GETMETADATA "" /shared/vendor/fumi/x')
    assert data == [b'* METADATA "" (/shared/vendor/fumi/x ~{65536}\r\n' + value + b")"]
    status = c.command(b'SETMETADATA "" (/shared/vendor/fumi/x ~{%d+}\r\n%sx)' % (len(value) + 1, value))[1]
    assert status.startswith(b"NO [METADATA MAXSIZE 65536]")
    assert c.ok(b'GETMETADATA "" /shared/vendor/fumi/x') == data
    c.close()


def test_told_in_idle(server, account):
    """Who has enabled METADATA hears of others' changes at once, also with nothing selected."""
    a, b = server.raw(account), server.raw(account)
    assert a.ok(b"ENABLE METADATA") == [b"* ENABLED METADATA"]
    tag = a.begin(b"IDLE")
    assert a.reply().startswith(b"+")
    b.ok(b'SETMETADATA INBOX (/shared/comment "x")')
    assert a.reply() == b"* METADATA INBOX /shared/comment"
    b.ok(b'SETMETADATA "" (/private/comment "x")')
    assert a.reply() == b'* METADATA "" /private/comment'
    a.send(b"DONE\r\n")
    assert a.end(tag)[1].startswith(b"OK")
    a.close()
    b.close()
