import os
import resource
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import serving  # noqa: E402

# Failed and large tests keep sockets open for long, and an ordinary user may have 1024 without asking.
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One for all tests that do it no harm."""
    s = serving.Server(tmp_path_factory.mktemp("server"))
    yield s
    s.close()


@pytest.fixture
def own_server(tmp_path):
    """One that the test may kill; options go to tests/serve."""
    servers = []

    def start(*options, directory=None):
        servers.append(serving.Server(directory or tmp_path / f"server{len(servers)}", *options))
        return servers[-1]
    yield start
    for s in servers:
        if s.process.poll() is None:
            s.kill()


@pytest.fixture
def account(server):
    return server.account()


@pytest.fixture(scope="module")
def sink():
    """A mail server that takes what is sent out."""
    s = pytest.importorskip("smtp_sink").Sink()
    yield s
    s.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MiB of its own."""
    where = tmp_path / "small"
    where.mkdir()
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m,mode=755", "none", str(where)], capture_output=True)
    if r.returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


@pytest.fixture(scope="session")
def imapflow():
    """NODE_PATH of the client, installed as tests/e2e/package.json says."""
    directory = os.path.join(serving.BUILD, "imapflow")
    with open(os.path.join(serving.HERE, "package.json")) as f:
        wanted = f.read()
    done = os.path.join(directory, "package.json")
    modules = os.path.join(directory, "node_modules")
    if os.path.exists(done) and os.path.isdir(os.path.join(modules, "imapflow")):
        with open(done) as f:
            if f.read() == wanted:
                return modules
    os.makedirs(directory, exist_ok=True)
    with open(done, "w") as f:
        f.write(wanted)
    r = subprocess.run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"],
                       cwd=directory, capture_output=True, text=True)
    if r.returncode != 0:
        os.unlink(done)
        if any(e in r.stderr for e in ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH")):
            pytest.skip("the npm registry cannot be reached")
        pytest.fail(r.stderr)
    return modules
