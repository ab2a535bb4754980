"""curl over TLS, checking the certificate."""
import subprocess

import pytest
from serving import VECTORS, message


@pytest.fixture
def curl(server, account):
    def run(path, *args, status=0, host="localhost"):
        r = subprocess.run(["curl", "-sS", "--max-time", "60", "--cacert", server.cert,
                            "-u", f"{account.name}:{account.password}",
                            f"imaps://{host}:{server.imaps}/{path}", *args], capture_output=True, timeout=90)
        assert r.returncode == status, r.stderr
        return r.stdout
    return run


def test_fetch_list_search_append(server, account, curl, tmp_path):
    assert b'LIST' in curl("") and b"INBOX" in curl("")
    for i in (1, 2, 3):
        with open(f"{VECTORS}/source001/{i}.eml", "rb") as f:
            sent = f.read()
        path = tmp_path / "m.eml"
        path.write_bytes(sent)
        curl("INBOX", "-T", str(path))
        assert curl(f"INBOX;MAILINDEX={i}") == sent
        assert curl(f"INBOX;UID={i}") == sent
        assert curl(f"INBOX;MAILINDEX={i};SECTION=TEXT") == sent.split(b"\r\n\r\n", 1)[1]
    assert curl("INBOX?ALL").split() == [b"*", b"SEARCH", b"1", b"2", b"3"]
    curl("INBOX", "-X", "STORE 2 +FLAGS (\\Deleted)")
    assert curl("INBOX?DELETED").split() == [b"*", b"SEARCH", b"2"]
    assert b"2 EXPUNGE" in curl("INBOX", "-X", "EXPUNGE")
    assert curl("INBOX?ALL").split() == [b"*", b"SEARCH", b"1", b"2"]
    curl("", "-X", "CREATE Work")
    assert b"Work" in curl("")
    assert b"STATUS" in curl("", "-X", "STATUS Work (MESSAGES UIDNEXT)")


def test_refused(server, account, curl):
    curl("", "-u", f"{account.name}:wrong", status=67)
    curl("NoSuchBox;MAILINDEX=1", status=67)
    # a name that the certificate does not have
    # a name that the certificate does not have
    curl("", "--resolve", f"elsewhere:{server.imaps}:127.0.0.1", status=60, host="elsewhere")


def test_starttls(server, account):
    r = subprocess.run(["curl", "-sS", "--ssl-reqd", "--cacert", server.cert, "--max-time", "60",
                        "-u", f"{account.name}:{account.password}", f"imap://localhost:{server.imap}/",
                        "-X", "STATUS INBOX (MESSAGES)"], capture_output=True, timeout=90)
    assert r.returncode == 0, r.stderr
    assert b"* STATUS INBOX (MESSAGES 0)" in r.stdout


def test_large(server, account, curl, tmp_path):
    body = "".join(f"line {i} of a rather long message\r\n" for i in range(60000))
    sent = message("large", body)
    path = tmp_path / "m.eml"
    path.write_bytes(sent)
    curl("INBOX", "-T", str(path))
    assert curl("INBOX;UID=1") == sent
