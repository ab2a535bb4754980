"""Cyrus IMAP from Debian, with idled (which pushes only if its configuration directory has socket/)."""
import os
import subprocess

from . import common

PACKAGES = ["cyrus-imapd", "cyrus-pop3d", "cyrus-common", "sasl2-bin", "libsasl2-modules", "libsasl2-modules-db"]


class Cyrus(common.Server):
    name = "cyrus"

    def __init__(self, work, users, idle_users):
        super().__init__(work)
        self.usr = common.unpack("cyrus", PACKAGES, work)
        self.imap, self.tls_port, self.pop3, self.lmtp = common.free_ports(4)
        common.system_user("cyrus", self.log)
        for sub in ("var", "var/socket", "spool", "run", "run/proc", "run/lock"):
            os.makedirs(os.path.join(self.dir, sub), exist_ok=True)
        self.write_config()
        if not os.path.exists(f"{self.dir}/users.done"):
            common.self_signed(self.dir, self.log)
            names = ["cyrus"] + [f"u{i}" for i in range(1, users + 1)] + [f"id{i}" for i in range(1, idle_users + 1)]
            script = f"for i in {' '.join(names)}; do " \
                f"echo -n {common.PASSWORD} | saslpasswd2 -f {self.dir}/sasldb2 -u localhost -c -p $i || exit 1; done"
            common.run(self.in_overlay(self.usr, ["sh", "-c", script]), self.log)
            open(f"{self.dir}/users.done", "w").close()
        subprocess.run(["chown", "-R", "cyrus", self.dir], check=True)

    def write_config(self):
        with open(f"{self.dir}/imapd.conf", "w") as f:
            f.write(f"""configdirectory: {self.dir}/var
proc_path: {self.dir}/run/proc
mboxname_lockpath: {self.dir}/run/lock
defaultpartition: default
partition-default: {self.dir}/spool
idlesocket: {self.dir}/run/idle
lmtpsocket: {self.dir}/run/lmtp
notifysocket: {self.dir}/run/notify
cyrus_user: cyrus
admins: cyrus
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {self.dir}/sasldb2
sasl_mech_list: PLAIN
allowplaintext: yes
defaultdomain: localhost
servername: localhost
autocreate_post: yes
autocreate_quota: 0
tls_server_cert: {self.dir}/cert.pem
tls_server_key: {self.dir}/key.pem
maxmessagesize: 0
syslog_prefix: bench
""")
        conf = f"{self.dir}/imapd.conf"
        with open(f"{self.dir}/cyrus.conf", "w") as f:
            f.write(f"""START {{
  recover cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -r -C {conf}"
  idled   cmd="idled -C {conf}"
}}
SERVICES {{
  imap  cmd="imapd -U 30 -C {conf}" listen="127.0.0.1:{self.imap}" prefork=0 maxchild=-1
  imaps cmd="imapd -s -U 30 -C {conf}" listen="127.0.0.1:{self.tls_port}" prefork=0 maxchild=-1
  pop3  cmd="pop3d -U 30 -C {conf}" listen="127.0.0.1:{self.pop3}" prefork=0 maxchild=-1
  lmtp  cmd="lmtpd -a -C {conf}" listen="127.0.0.1:{self.lmtp}" prefork=0 maxchild=20
}}
EVENTS {{
  checkpoint cmd="/usr/lib/cyrus/bin/ctl_cyrusdb -c -C {conf}" period=120
}}
""")

    def start(self):
        self.write_config()
        subprocess.run(["pkill", "-f", "--", f"idled -C {self.dir}/"], check=False)
        self.spawn(self.in_overlay(self.usr, [
            "/usr/lib/cyrus/bin/master", "-C", f"{self.dir}/imapd.conf", "-M", f"{self.dir}/cyrus.conf",
            "-p", f"{self.dir}/run/master.pid"]))
        common.wait_port(self.imap)

    def stop(self):
        super().stop()
        subprocess.run(["pkill", "-9", "-f", "--", f"-C {self.dir}/imapd.conf"], check=False)
