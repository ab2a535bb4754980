"""mutt, on a terminal of its own, reads and files."""
import os
import pty
import select
import time

from serving import VECTORS, message, wait_for


def mutt(server, account, directory, keys, box="INBOX"):
    run_mutt(server, directory, f"""
set imap_user="{account.name}" imap_pass="{account.password}"
set folder="imaps://localhost:{server.imaps}/" spoolfile="imaps://localhost:{server.imaps}/INBOX"
""", f"imaps://localhost:{server.imaps}/{box}", keys)


def run_mutt(server, directory, settings, mailbox, keys, seconds=60):
    """Run it with keys pushed; it must end by itself."""
    rc = directory / "muttrc"
    rc.write_text(f"""{settings}
set ssl_ca_certificates_file="{server.cert}" certificate_file="{directory}/accepted" ssl_verify_host=yes
set record="" postponed="" move=no delete=yes confirmcreate=no confirmappend=no quit=yes timeout=5 mail_check=1
set mailcap_path="" wait_key=no pipe_decode=no sleep_time=0 sort=mailbox-order read_inc=0 net_inc=0 write_inc=0
set assumed_charset=iso-2022-jp from="me@example.org" signature="" sendmail="/bin/false"
""")
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", HOME=str(directory), LINES="40", COLUMNS="100", LC_ALL="C.UTF-8")
        os.execvp("mutt", ["mutt", "-n", "-F", str(rc), "-f", mailbox,
                           "-e", f'push "{keys}"'])
    seen, end = b"", time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(terminal, 65536)
            except OSError:
                break  # the terminal's other end is closed
            if not data:
                break
            seen += data
        else:
            os.kill(pid, 9)
            raise AssertionError(f"mutt does not end: {seen[-3000:]!r}")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def test_reads_and_files(server, account, tmp_path):
    c = server.imaplib(account)
    with open(f"{VECTORS}/source001/3.eml", "rb") as f:
        japanese = f.read()
    c.append("INBOX", None, None, message("first"))
    c.append("INBOX", None, None, japanese)
    c.append("INBOX", None, None, message("third"))

    # show the second, pipe it as it is and as people read it, save it elsewhere, delete the third, flag the first
    out, read = tmp_path / "piped", tmp_path / "read"
    mutt(server, account, tmp_path,
         f"2<enter><display-message><exit><pipe-message>cat >{out}<enter>"
         f"<enter-command>set pipe_decode=yes<enter><pipe-message>cat >{read}<enter>"
         "<save-message>=Filed<enter>3<enter><delete-message>1<enter><flag-message><sync-mailbox><quit>")
    assert "From のテスト" in read.read_text()
    assert out.read_bytes().replace(b"\r\n", b"\n") == japanese.replace(b"\r\n", b"\n")
    c.select("INBOX", readonly=True)
    flags = c.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    assert len([p for p in flags if isinstance(p, tuple)]) == 1
    assert b"first" in flags[0][1] and b"\\Flagged" in flags[0][0]
    c.select("Filed", readonly=True)
    filed = c.fetch("1:*", "(FLAGS BODY.PEEK[])")[1]
    assert filed[0][1] == japanese and b"\\Seen" in filed[0][0] and b"\\Deleted" not in filed[0][0]
    c.logout()


def test_searches_and_copies(server, account, tmp_path):
    c = server.imaplib(account)
    c.create("Copies")
    for i in range(20):
        c.append("INBOX", None, None, message(f"number {i}", "needle" if i in (3, 11) else "hay"))
    # =b is searched on the server; tag what is found, copy it, mark it all as old
    mutt(server, account, tmp_path,
         "<limit>=b needle<enter><tag-pattern>~A<enter><tag-prefix><copy-message>=Copies<enter><limit>all<enter><quit>")

    def copied():
        c.select("Copies", readonly=True)
        return c.search(None, "ALL")[1][0].split() == [b"1", b"2"]
    wait_for(copied)
    subjects = c.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    assert [p[1].split(b"\r")[0] for p in subjects if isinstance(p, tuple)] == [
        b"Subject: number 3", b"Subject: number 11"]
    c.logout()
