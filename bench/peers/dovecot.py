"""Dovecot from Debian, once with mdbox and once with maildir.

The documented high-performance login (service_count = 0, processes kept ready) everywhere; a second
configuration with imap_hibernate, and one without reuse, for the rows about idle connections. Reused processes can
serve one uid only, so the users with mail share one; the many idle ones have a uid each, since inotify instances are
limited per uid."""
import glob
import os
import shutil

from . import common

PACKAGES = ["dovecot-core", "dovecot-imapd", "dovecot-lmtpd", "dovecot-pop3d", "dovecot-sieve"]
FIRST_UID = 20000


class Dovecot(common.Server):
    location = "?"
    hibernate = False
    reuse = True

    def __init__(self, work, users, idle_users):
        super().__init__(work)
        self.usr = common.unpack("dovecot", PACKAGES, work)
        self.imap, self.tls_port, self.pop3, self.lmtp = common.free_ports(4)
        for name in ("dovecot", "dovenull"):
            common.system_user(name, self.log)
        for sub in ("run", "state", "mail"):
            os.makedirs(os.path.join(self.dir, sub), exist_ok=True)
        os.chmod(self.dir, 0o755)
        os.chmod(os.path.join(self.dir, "mail"), 0o755)
        if not os.path.exists(os.path.join(self.dir, "cert.pem")):
            common.self_signed(self.dir, self.log)
        names = [f"u{i}" for i in range(1, users + 1)] + [f"id{i}" for i in range(1, idle_users + 1)]
        names += common.delivery_users()
        with open(os.path.join(self.dir, "passwd"), "w") as f:
            for i, name in enumerate(names):
                uid = FIRST_UID + (i + 1 if name.startswith("id") else 0)
                home = os.path.join(self.dir, "mail", name)
                f.write(f"{name}:{{PLAIN}}{common.PASSWORD}:{uid}:{uid}::{home}::\n")
                if not os.path.isdir(home):
                    os.mkdir(home, 0o700)
                    os.chown(home, uid, uid)
                if name.startswith("s"):
                    with open(os.path.join(home, ".dovecot.sieve"), "w") as script:
                        script.write(common.sieve_script())

    def config(self):
        hibernate = """
imap_hibernate_timeout = 2s
service imap {
  unix_listener imap-master {
    user = $default_internal_user
    mode = 0600
  }
  extra_groups = $default_internal_group
}
service imap-hibernate {
  unix_listener imap-hibernate {
    mode = 0666
  }
}
""" if self.hibernate else ""
        reuse = "" if not self.reuse else "service_count = 1000\n  process_min_avail = 2\n  "
        return f"""
base_dir = {self.dir}/run
state_dir = {self.dir}/state
log_path = {self.dir}/dovecot.log
instance_name = {self.name}
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{self.dir}/cert.pem
ssl_key = <{self.dir}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
first_valid_uid = 500
mail_location = {self.location}
mail_max_userip_connections = 0
default_process_limit = 2200
default_client_limit = 6000
default_vsz_limit = 4G
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%n {self.dir}/passwd
}}
userdb {{
  driver = passwd-file
  args = username_format=%n {self.dir}/passwd
}}
service imap-login {{
  service_count = 0
  process_min_avail = 2
  client_limit = 5000
  inet_listener imap {{
    address = 127.0.0.1
    port = {self.imap}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {self.tls_port}
  }}
}}
service imap {{
  {reuse}process_limit = 2200
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {self.lmtp}
  }}
}}
protocol lmtp {{
  mail_plugins = $mail_plugins sieve
}}
plugin {{
  sieve = file:~/sieve;active=~/.dovecot.sieve
}}
service pop3-login {{
  service_count = 0
  inet_listener pop3 {{
    address = 127.0.0.1
    port = {self.pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
{hibernate}"""

    def start(self):
        path = os.path.join(self.dir, "dovecot.conf")
        with open(path, "w") as f:
            f.write(self.config())
        self.spawn(self.in_overlay(self.usr, ["/usr/sbin/dovecot", "-F", "-c", path]))
        common.wait_port(self.imap)

    def forget_cache(self, user):
        for path in glob.glob(f"{self.dir}/mail/{user}/**/dovecot.index.cache", recursive=True):
            os.unlink(path)


class Mdbox(Dovecot):
    name = "dovecot-mdbox"
    location = "mdbox:~/mdbox"


class Maildir(Dovecot):
    name = "dovecot-maildir"
    location = "maildir:~/Maildir"

    def new_boot(self, bench, messages):
        """The counterpart of a rebuild: a maildir that was filled without Dovecot, opened for the first time."""
        self.stop()
        home = os.path.join(self.dir, "mail", "u2")
        shutil.rmtree(os.path.join(home, "Maildir"), ignore_errors=True)
        common.run([bench.load, "-m", f"{home}/Maildir", "-n", str(messages), "maildir"], self.log)
        common.run(["chown", "-R", f"{FIRST_UID}:{FIRST_UID}", home], self.log)
        self.start()


class Hibernate(Dovecot):
    name = "dovecot-hibernate"
    location = "mdbox:~/mdbox"
    hibernate = True
    reuse = False


class Idle(Dovecot):
    name = "dovecot-idle"
    location = "mdbox:~/mdbox"
    reuse = False
