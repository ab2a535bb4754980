"""Names of mailboxes in modified UTF-7 and, after ENABLE, in UTF-8."""
import pytest
from serving import message

# name, RFC 3501 form
NAMES = [("日本語", "&ZeVnLIqe-"), ("Entwürfe", "Entw&APw-rfe"), ("A&B", "A&-B"), ("台北/&-", "&U,BTFw-/&--"),
         ("emoji 😀", "emoji &2D3eAA-"), ("plain", "plain")]


@pytest.mark.parametrize("name,utf7", NAMES)
def test_both_forms_name_the_same(server, account, name, utf7):
    old, new = server.raw(account), server.raw(account)
    new.ok(b"ENABLE IMAP4rev2")
    old.ok(b'CREATE "%s"' % utf7.encode())
    assert any(u.rstrip(b'"').endswith(utf7.encode()) for u in old.ok(b'LIST "" *'))
    assert any(u.rstrip(b'"').endswith(name.encode()) for u in new.ok(b'LIST "" *'))
    assert new.append(b'"%s"' % name.encode(), message("to utf-8")).startswith(b"OK")
    assert any(b"MESSAGES 1" in u for u in old.ok(b'STATUS "%s" (MESSAGES)' % utf7.encode()))
    new.ok(b'SELECT "%s"' % name.encode())
    new.ok(b'SUBSCRIBE "%s"' % name.encode())
    assert any(utf7.encode() in u for u in old.ok(b'LSUB "" *'))
    new.ok(b'RENAME "%s" "%s 2"' % (name.encode(), name.encode()))
    assert any(u.rstrip(b'"').endswith((name + " 2").encode()) for u in new.ok(b'LIST "" *'))
    new.close()
    old.close()


@pytest.mark.parametrize("bad", [b"&ZeVnLIqe", b"&AGE-", b"a\xffb", b"&ZeVnLIqe-&ZeVnLIqe-"])
def test_what_is_no_name(server, account, bad):
    c = server.raw(account)
    status = c.command(b'CREATE "%s"' % bad)[1]
    assert status.startswith((b"NO", b"BAD"))
    c.ok(b"NOOP")
    c.close()
