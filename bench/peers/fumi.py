"""fumi from the build directory, each account under a uid of its own, passwords as cheap as the peers'."""
import glob
import os
import subprocess
import uuid

from . import common

FIRST_UID = 40000


class Fumi(common.Server):
    name = "fumi"

    def __init__(self, work, users, idle_users, build):
        super().__init__(work)
        self.build = build
        self.imap, self.tls_port, self.pop3, self.lmtp = common.free_ports(4)
        self.users = [f"u{i}@bench" for i in range(1, users + 1)] + [f"id{i}@bench" for i in range(1, idle_users + 1)]
        self.users += [f"{name}@bench" for name in common.delivery_users()]
        os.chmod(self.dir, 0o755)
        if not os.path.exists(f"{self.dir}/cert.pem"):
            common.self_signed(self.dir, self.log)

    def user(self, kind):
        return f"{kind}%d@bench"

    def start(self):
        conf = os.path.join(self.dir, "fumi.conf")
        with open(conf, "w") as f:
            f.write(f"""[server]
state-dir = {self.dir}/state
run-dir = {self.dir}/run
log = {self.dir}/fumi.log
[listener imap]
address = 127.0.0.1
port = {self.imap}
[listener imaps]
address = 127.0.0.1
port = {self.tls_port}
tls = implicit
[listener lmtp]
protocol = lmtp
address = 127.0.0.1
port = {self.lmtp}
[listener pop3]
protocol = pop3
address = 127.0.0.1
port = {self.pop3}
[tls]
certificate = {self.dir}/cert.pem
key = {self.dir}/key.pem
[gate]
connections-per-address = 3000
[auth]
cleartext = loopback
[store]
uid = range
uid-range = {FIRST_UID}-{FIRST_UID + 9999}
""")
        fumi = os.path.join(self.build, "fumi")
        if not os.path.exists(f"{self.dir}/users-2.done"):
            r = subprocess.run([fumi, "-c", conf, "account", "add", "--scheme", "plain", *self.users],
                               input=f"{common.PASSWORD}\n", text=True, capture_output=True)
            if r.returncode != 0:
                raise common.BenchError(f"fumi account add: {r.stderr}")
            open(f"{self.dir}/users-2.done", "w").close()
        self.spawn([fumi, "-c", conf, "serve"])
        common.wait_port(self.imap)

    def put_scripts(self):
        """The script of the users s1 …, whose accounts must be there."""
        for name in (n for n in common.delivery_users() if n.startswith("s")):
            account = f"{self.dir}/state/accounts/bench/{name}"
            owner = os.stat(account)
            os.makedirs(f"{account}/sieve", exist_ok=True)
            for path, text in (("rules.sieve", common.sieve_script()), ("active", "rules\n")):
                with open(f"{account}/sieve/{path}", "w") as f:
                    f.write(text)
            for path in ("", "rules.sieve", "active"):
                os.chown(f"{account}/sieve/{path}", owner.st_uid, owner.st_gid)

    def new_boot(self, bench, messages):
        """As after a power cut: the views are of another boot and not marked clean, so they are rebuilt.

        User 2, whose account has these messages and nothing else in it."""
        mark = os.path.join(self.dir, f"rebuild-{messages}")
        if not os.path.exists(mark):
            bench.run(self, "-a", 2, "-n", messages, "-M", 100, "append")
            open(mark, "w").close()
        self.stop()
        for mark in glob.glob(f"{self.dir}/state/accounts/*/*/view.clean"):
            os.unlink(mark)
        env = "FUMI_BOOT_ID"
        os.environ[env] = str(uuid.uuid4())
        try:
            self.start()
        finally:
            del os.environ[env]
