"""imapflow, the client library of Node.js."""
import os
import subprocess

from serving import HERE


def test_session(server, account, imapflow):
    r = subprocess.run(["node", os.path.join(HERE, "clients_imapflow.js"), str(server.imaps), server.cert, account.name,
                        account.password], env={**os.environ, "NODE_PATH": imapflow}, capture_output=True, text=True,
                       timeout=75)
    assert r.returncode == 0, r.stderr
