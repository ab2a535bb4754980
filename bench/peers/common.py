"""What every server under measurement has in common."""
import os
import shutil
import signal
import socket
import subprocess
import time

PASSWORD = "pw"


class BenchError(Exception):
    """A set-up step failed; the text says which and where its log is."""


def run(argv, log, **kw):
    """Run a set-up command, its output into the file log; BenchError when it fails."""
    with open(log, "ab") as out:
        out.write(("$ " + " ".join(map(str, argv)) + "\n").encode())
        out.flush()
        r = subprocess.run(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, **kw)
    if r.returncode != 0:
        raise BenchError(f"{argv[0]} ended with {r.returncode}; see {log}")


def wait_port(port, seconds=20.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise BenchError(f"nothing answers on port {port}")


def drop_page_cache():
    """As after a reboot: what is on the disk has to be read from it."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("3\n")


def free_ports(n):
    """n ports of the loopback address that were free a moment ago."""
    socks = [socket.socket() for _ in range(n)]
    for s in socks:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in socks]
    for s in socks:
        s.close()
    return ports


def descendants(pids):
    """pids and all processes below them."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat") as f:
                    parents[int(name)] = int(f.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                pass
    found = set(pids)
    while True:
        more = {p for p, up in parents.items() if up in found} - found
        if not more:
            return found
        found |= more


def unpack(name, packages, work):
    """Fetch Debian packages and what they need, unpack them below work; the /usr to overlay."""
    root = os.path.join(work, "roots", name)
    usr = os.path.join(root, "usr")
    log = os.path.join(work, f"{name}-unpack.log")
    done = os.path.join(root, "done")
    if os.path.exists(done):
        with open(done) as f:
            if f.read().split() == packages:
                return usr
    debs = os.path.join(work, "debs", name)
    os.makedirs(os.path.join(debs, "partial"), exist_ok=True)
    os.makedirs(root, exist_ok=True)
    run(["apt-get", "install", "-y", "--no-install-recommends", "--download-only", "--reinstall",
         "-o", f"Dir::Cache::archives={debs}", *packages], log)
    for deb in sorted(os.listdir(debs)):
        if deb.endswith(".deb"):
            run(["dpkg-deb", "-x", os.path.join(debs, deb), root], log)
    lib = os.path.join(root, "lib")
    if os.path.isdir(lib):  # /lib is /usr/lib here
        shutil.copytree(lib, os.path.join(usr, "lib"), symlinks=True, dirs_exist_ok=True)
    with open(done, "w") as f:
        f.write(" ".join(packages))
    return usr


def system_user(name, log):
    """The package's scripts would have made it."""
    if subprocess.run(["id", name], capture_output=True).returncode != 0:
        run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name], log)


def self_signed(directory, log):
    """directory/cert.pem and key.pem, for localhost."""
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
         "-subj", "/CN=localhost", "-keyout", f"{directory}/key.pem", "-out", f"{directory}/cert.pem"], log)


def delivery_users():
    """Those mail is delivered to: a hundred without rules, a hundred with."""
    return [f"{kind}{i}" for kind in "ms" for i in range(1, 101)]


def sieve_script():
    """Twenty rules of which none files the generator's messages."""
    rules = []
    for i in range(20):
        test = (f'header :contains "subject" "nothing says {i}"', f'address :domain :is "from" "d{i}.invalid"',
                f'header :is "list-id" "<list{i}.invalid>"', f'size :over {i + 50}M')[i % 4]
        rules.append(f'if {test} {{ fileinto "box{i}"; stop; }}\n')
    return 'require "fileinto";\n' + "".join(rules)


class Server:
    """One server: a name for the table, ports, and the roots of its process trees."""

    name = "?"
    tls_port = None

    def __init__(self, work):
        self.dir = os.path.join(work, self.name)
        self.log = os.path.join(work, f"{self.name}.log")
        self.procs = []
        os.makedirs(self.dir, exist_ok=True)

    def user(self, kind):
        """The user name format for load: 'u' (mail in it) or 'id' (for many connections)."""
        return f"{kind}%d"

    def roots(self):
        return [p.pid for p in self.procs]

    def spawn(self, argv):
        with open(self.log, "ab") as out:
            p = subprocess.Popen(argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                 start_new_session=True)
        self.procs.append(p)
        return p

    def in_overlay(self, usr, argv):
        """argv run with usr laid over /usr, in a mount namespace of its own."""
        return ["unshare", "-m", "--propagation", "private", "sh", "-c",
                'mount -t overlay -o "ro,lowerdir=$1:/usr" overlay /usr && shift && exec "$@"',
                "sh", usr, *argv]

    def stop(self):
        everything = descendants(self.roots())
        for p in self.procs:
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
        for p in self.procs:
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        for pid in everything:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.procs = []

    # Before the first-time rows: forget what was computed from earlier requests.
    def forget_cache(self, user):
        pass
