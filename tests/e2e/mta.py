"""MTAs of Debian, unpacked from their packages and run in private directories, in a mount namespace that has the users
their packages would make. Needs root."""
import contextlib
import os
import re
import shutil
import smtplib
import socket
import subprocess
import tempfile

import pytest

from serving import BUILD, ROOT, Server, others_can_run, wait_for

EXIM_UID, POSTFIX_UID, POSTDROP_GID, USER_UID, SMTPD_UID, SMTPQ_UID = range(64911, 64917)


def unpack(*packages):
    """The directory they are unpacked in; skips when they cannot be had."""
    if not others_can_run():
        pytest.skip("needs root and a clone that others can get to")
    top = os.path.join(BUILD, "mta", "-".join(packages))
    root = os.path.join(top, "root")
    if not os.path.exists(os.path.join(top, "done")):
        shutil.rmtree(top, ignore_errors=True)
        os.makedirs(root)
        r = subprocess.run(["timeout", "90", "apt-get", "download", *packages], cwd=top, capture_output=True, text=True)
        if r.returncode != 0:
            pytest.skip(f"cannot download {packages}: {r.stderr[-200:]}")
        for deb in sorted(os.listdir(top)):
            if deb.endswith(".deb"):
                subprocess.run(["dpkg-deb", "-x", os.path.join(top, deb), root], check=True)
        open(os.path.join(top, "done"), "w").close()
    return root


def free_port():
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def sample(heading, after):
    """The indented block of docs/mta.md that follows the text `after` below the heading."""
    with open(os.path.join(ROOT, "docs", "mta.md")) as f:
        section = f.read().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    block = re.search(r"\n\n((?:    .*\n)+)", section[section.index(after):])[1]
    return re.sub(r"^    ", "", block, flags=re.M)


class Place:
    """A directory with the namespace; fumi is the command line that stands for /usr/bin/fumi in the samples."""

    def __init__(self, path, fumi):
        if os.geteuid() != 0:
            pytest.skip("needs root")
        self.path, self.fumi = str(path), fumi
        self.home = os.path.join(self.path, "home")
        os.makedirs(self.home)
        os.chown(self.home, USER_UID, USER_UID)
        self.etc = os.path.join(self.path, "etc")
        with contextlib.suppress(shutil.Error):  # of what cannot be copied nothing is needed
            shutil.copytree("/etc", self.etc, symlinks=True)
        for name, lines in (
                ("passwd", f"Debian-exim:x:{EXIM_UID}:{EXIM_UID}::/nonexistent:/bin/false\n"
                           f"postfix:x:{POSTFIX_UID}:{POSTFIX_UID}::/nonexistent:/bin/false\n"
                           f"opensmtpd:x:{SMTPD_UID}:{SMTPD_UID}::/nonexistent:/bin/false\n"
                           f"opensmtpq:x:{SMTPQ_UID}:{SMTPQ_UID}::/nonexistent:/bin/false\n"
                           f"sengoku:x:{USER_UID}:{USER_UID}::{self.home}:/bin/sh\n"),
                ("group", f"Debian-exim:x:{EXIM_UID}:\npostfix:x:{POSTFIX_UID}:\npostdrop:x:{POSTDROP_GID}:\n"
                          f"opensmtpd:x:{SMTPD_UID}:\nopensmtpq:x:{SMTPQ_UID}:\nsengoku:x:{USER_UID}:\n")):
            with open(os.path.join(self.etc, name), "a") as f:
                f.write(lines)
        r = self.inside("true")
        if r.returncode != 0:
            pytest.skip(f"no mount namespaces here: {r.stderr}")

    def inside(self, *argv, **kw):
        script = f"mount --make-rprivate / && mount --bind {self.etc} /etc && exec \"$@\""
        return subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *argv], capture_output=True, text=True,
                              timeout=120, **kw)

    def adapt(self, text):
        return text.replace("/usr/bin/fumi", self.fumi)


def read(path):
    with contextlib.suppress(FileNotFoundError):
        with open(path, errors="replace") as f:
            return f.read()
    return ""


def wait_in(log, pattern):
    try:
        return wait_for(lambda: re.search(pattern, log()))
    except AssertionError:
        raise AssertionError(f"no {pattern} in\n{log()[-3000:]}") from None


@contextlib.contextmanager
def place(*options):
    """A Place below /tmp, where other users than root may pass, with a server of those options."""
    path = tempfile.mkdtemp(prefix="fumi-mta-")
    os.chmod(path, 0o755)
    server = Server(os.path.join(path, "server"), *options)
    try:
        p = Place(path, f"{server.info['fumi']} -c {server.info['conf']}")
        p.server = server
        yield p
    finally:
        server.close()
        shutil.rmtree(path, ignore_errors=True)


def received(account):
    """The messages in INBOX."""
    c = account.server.imaplib(account)
    c.select("INBOX")
    _, data = c.fetch("1:*", "(BODY.PEEK[])") if c.search(None, "ALL")[1][0] else (None, [])
    c.logout()
    return [d[1] for d in data if isinstance(d, tuple)]


class Postfix:
    def __init__(self, place, main):
        self.place, self.port = place, free_port()
        self.root = unpack("postfix")
        self.dir = os.path.join(place.path, "postfix")
        for d in ("etc", "queue", "data"):
            os.makedirs(os.path.join(self.dir, d))
        os.chown(os.path.join(self.dir, "data"), POSTFIX_UID, POSTFIX_UID)
        self.log_file = os.path.join(self.dir, "log")
        self.env = {**os.environ, "LD_LIBRARY_PATH": os.path.join(self.root, "usr/lib/postfix")}
        self.write("main.cf", f"""compatibility_level = 3.6
queue_directory = {self.dir}/queue
data_directory = {self.dir}/data
command_directory = {self.root}/usr/sbin
daemon_directory = {self.root}/usr/lib/postfix/sbin
shlib_directory = {self.root}/usr/lib/postfix
meta_directory = {self.dir}/etc
import_environment = MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG LD_LIBRARY_PATH
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.org
mydestination = example.org
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
local_recipient_maps =
alias_maps =
alias_database =
maillog_file = {self.log_file}
maillog_file_prefixes = {self.dir}
{place.adapt(main)}""")
        self.write("master.cf", f"""127.0.0.1:{self.port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
local unix - n n - - local
postlog unix-dgram n - n - 1 postlogd
""" + place.adapt(sample("Postfix", "As a pipe")))
        shutil.copy(os.path.join(self.root, "etc/postfix/postfix-files"), os.path.join(self.dir, "etc"))
        self.postfix("start")
        wait_for(lambda: "daemon started" in self.log())

    def write(self, name, text):
        with open(os.path.join(self.dir, "etc", name), "w") as f:
            f.write(text)

    def postfix(self, verb):
        return self.place.inside(os.path.join(self.root, "usr/sbin/postfix"), "-c", os.path.join(self.dir, "etc"), verb,
                                 env=self.env)

    def log(self):
        return read(self.log_file)

    def send(self, sender, recipients, message):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as s:
            s.sendmail(sender, recipients, message)

    def wait(self, pattern):
        """A match in the log."""
        return wait_in(self.log, pattern)

    def again(self):
        self.postfix("flush")

    def close(self):
        self.postfix("stop")


class Exim:
    def __init__(self, place):
        self.place = place
        self.root = unpack("exim4-daemon-light", "exim4-base")
        self.program = os.path.join(self.root, "usr/sbin/exim4")
        self.dir = os.path.join(place.path, "exim")
        for d in (self.dir, os.path.join(self.dir, "spool"), os.path.join(self.dir, "log")):
            os.makedirs(d)
            os.chown(d, EXIM_UID, EXIM_UID)
        self.conf = os.path.join(self.dir, "exim.conf")
        with open(self.conf, "w") as f:
            f.write(f"""exim_path = {self.program}
spool_directory = {self.dir}/spool
log_file_path = {self.dir}/log/%s
primary_hostname = mx.example.org
keep_environment =
begin routers
null:
  driver = redirect
  domains = ! example.org
  data = :blackhole:
local:
  driver = accept
  domains = example.org
  transport = fumi
begin transports
{place.adapt(sample("Exim", "A transport"))}
begin retry
* * F,1h,1m
""")

    def exim(self, *args, **kw):
        r = self.place.inside(self.program, "-C", self.conf, *args, **kw)
        assert r.returncode == 0, r.stderr
        return r.stdout

    def log(self):
        return read(os.path.join(self.dir, "log", "main"))

    def send(self, sender, recipients, message):
        self.exim("-odf", "-oi", "-f", sender, "--", *recipients, input=message.decode())

    def wait(self, pattern):
        return wait_in(self.log, pattern)

    def again(self):
        self.exim("-qff")

    def close(self):
        pass


class Sendmail:
    """One message at a time, by the command; fumi's settings are those of /etc/fumi in the place."""

    def __init__(self, place):
        self.place = place
        self.root = unpack("sendmail-bin", "sendmail-cf", "m4", "libsigsegv2", "libwrap0", "liblockfile1")
        self.dir = os.path.join(place.path, "sendmail")
        self.queue = os.path.join(self.dir, "queue")
        os.makedirs(self.queue)
        self.program = os.path.join(self.dir, "sendmail")  # without the set-group-id bit
        shutil.copyfile(os.path.join(self.root, "usr/libexec/sendmail/sendmail"), self.program)
        os.chmod(self.program, 0o755)
        os.symlink(os.path.join(BUILD, "fumi"), os.path.join(self.dir, "mail.local"))
        self.env = {**os.environ, "LD_LIBRARY_PATH": ":".join(
            os.path.join(self.root, d) for d in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"))}
        missing = subprocess.run(["ldd", self.program], env=self.env, capture_output=True, text=True).stdout
        if "not found" in missing:
            pytest.skip(f"sendmail lacks libraries: {missing}")
        self.conf = os.path.join(self.dir, "sendmail.cf")
        self.configure()
        for name, text in (("hosts", "127.0.0.1 mx.example.org mx localhost\n"),
                           ("nsswitch.conf", "hosts: files\npasswd: files\ngroup: files\n")):
            with open(os.path.join(place.etc, name), "w") as f:
                f.write(text)

    def configure(self):
        cf = os.path.join(self.root, "usr/share/sendmail/cf/")
        local = sample("sendmail", "Take the place").replace("/usr/libexec/fumi", self.dir)
        source = f"""divert(-1)
include(`{cf}m4/cf.m4')
divert(0)dnl
OSTYPE(`linux')
define(`QUEUE_DIR', `{self.queue}')
define(`confPID_FILE', `{self.dir}/pid')
define(`STATUS_FILE', `{self.dir}/status')
define(`confDOMAIN_NAME', `mx.example.org')
undefine(`ALIAS_FILE')
{local}MAILER(`local')
MAILER(`smtp')
"""
        r = subprocess.run([os.path.join(self.root, "usr/bin/m4"), f"-D_CF_DIR_={cf}", "-"], input=source, env=self.env,
                           capture_output=True, text=True, check=True)
        with open(self.conf, "w") as f:
            f.write(re.sub(r"^O AliasFile.*\n", "", r.stdout, flags=re.M))

    def send(self, sender, recipients, message):
        """Status, and what it printed."""
        script = "hostname mx.example.org; exec \"$@\""
        r = self.place.inside("unshare", "-u", "sh", "-c", script, "sh", self.program, "-C", self.conf, "-odi", "-oem",
                              "-i", "-f", sender, "--", *recipients, env=self.env,
                              input=message.decode().replace("\r\n", "\n"))
        return r.returncode, r.stdout + r.stderr


class Opensmtpd:
    """For local users; its directories, which it knows by their names only, are of the namespace it runs in."""

    def __init__(self, place):
        self.place, self.port = place, free_port()
        self.root = unpack("opensmtpd")
        self.program = os.path.join(self.root, "usr/sbin/smtpd")
        missing = subprocess.run(["ldd", self.program], capture_output=True, text=True).stdout
        if "not found" in missing:
            pytest.skip(f"smtpd lacks libraries: {missing}")
        self.dir = os.path.join(place.path, "opensmtpd")
        os.makedirs(self.dir)
        self.log_file = os.path.join(self.dir, "log")
        conf = os.path.join(self.dir, "smtpd.conf")
        with open(conf, "w") as f:
            f.write(f"""listen on 127.0.0.1 port {self.port}
{place.adapt(sample("OpenSMTPD", "In"))}
match from any for domain "example.org" action "local"
""")
        script = f"""mount --make-rprivate / && mount --bind {place.etc} /etc || exit 1
for d in /var/lib /var/spool /run /usr/libexec; do mount -t tmpfs tmpfs $d || exit 1; done
mkdir -p /var/lib/opensmtpd/empty /usr/libexec && cp -r {self.root}/usr/libexec/opensmtpd /usr/libexec/ || exit 1
mkdir -m 711 /var/spool/smtpd && exec {self.program} -d -v -f {conf}"""
        with open(self.log_file, "w") as log:
            self.process = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdout=log, stderr=log)
        wait_for(self.listens)

    def listens(self):
        with contextlib.closing(socket.socket()) as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def log(self):
        return read(self.log_file)

    def send(self, sender, recipients, message):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as s:
            s.sendmail(sender, recipients, message)

    def wait(self, pattern):
        return wait_in(self.log, pattern)

    def close(self):
        self.process.terminate()
        self.process.wait(30)
