"""A mail server that keeps what it gets, for programs that send: aiosmtpd on a port of its own."""
import re
import socket
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP


class Sink:
    """answers: what is said instead of 250: {"rcpt": {address: "550 ..."}, "data": "451 ..."}; change it at any time."""

    def __init__(self, **options):
        self.mails, self.answers, self.lock = [], {"rcpt": {}, "data": None, "mail": None}, threading.Lock()
        sink = self

        class Handler:
            async def handle_MAIL(self, server, session, envelope, address, opts):
                if sink.answers["mail"]:
                    return sink.answers["mail"]
                envelope.mail_from = address
                envelope.mail_options.extend(opts)
                return "250 OK"

            async def handle_RCPT(self, server, session, envelope, address, opts):
                if address in sink.answers["rcpt"]:
                    return sink.answers["rcpt"][address]
                envelope.rcpt_tos.append(address)
                return "250 OK"

            async def handle_DATA(self, server, session, envelope):
                if sink.answers["data"]:
                    return sink.answers["data"]
                with sink.lock:
                    sink.mails.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
                return "250 taken"

        class Server(Controller):
            def factory(self):
                return SMTP(self.handler, enable_SMTPUTF8=True, hostname="sink.example.org", **options)

            def _trigger_server(self):  # the port is not known before it is bound
                with socket.create_connection(self.server.sockets[0].getsockname(), 10) as c:
                    c.recv(100)
        self.controller = Server(Handler(), hostname="127.0.0.1", port=0)
        self.controller.start()
        self.port = self.controller.server.sockets[0].getsockname()[1]

    def to(self, address):
        """Mails for it: [(sender, octets)]."""
        with self.lock:
            return [(m[0], m[2]) for m in self.mails if address in m[1]]

    def numbers(self):
        """How often each "number: N" was taken."""
        out = {}
        with self.lock:
            for _, _, octets in self.mails:
                for n in re.findall(rb"^number: (\d+)", octets, re.M):
                    out[int(n)] = out.get(int(n), 0) + 1
        return out

    def close(self):
        self.controller.stop()

    def url(self):
        return f"smtp://127.0.0.1:{self.port}"


def out_options(**more):
    """Options of tests/serve for a server that sends and does not wait long to try again; more: of [out], _ for -."""
    out = {"smtp_tls": "never", "retry": "1s", "retry_max": "1s", **more}
    settings = [f"out/{k.replace('_', '-')}={v}" for k, v in out.items()] + ["server/hostname=mail.example.org"]
    return [x for s in settings for x in ("--set", s)]


class Plain:
    """A mail server that keeps the commands as they came. offers: keywords behind EHLO; refuse: what is said of lines that
    begin so, {"RCPT TO:<a@": "550 ..."}."""

    def __init__(self, offers=(), refuse=None):
        self.offers, self.refuse, self.lock, self.mails = offers, refuse or {}, threading.Lock(), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        with c, c.makefile("rwb") as f:
            def say(text):
                f.write(text.encode() + b"\r\n")
                f.flush()
            say("220 plain.example.org")
            said = []
            for raw in f:
                line = raw.decode().rstrip("\r\n")
                verb = line[:4].upper()
                if verb == "EHLO":
                    for k in self.offers:
                        say("250-" + k)
                    say("250 HELP")
                elif verb == "QUIT":
                    say("221 bye")
                    return
                elif any(map(line.startswith, self.refuse)):
                    say(next(v for k, v in self.refuse.items() if line.startswith(k)))
                elif verb == "DATA":
                    say("354 go on")
                    octets = b""
                    while not octets.endswith(b"\r\n.\r\n") and octets != b".\r\n":
                        octets += f.readline()
                    octets = re.sub(rb"(?m)^\.", b"", octets[:-3])
                    with self.lock:
                        self.mails.append((said, octets))
                    said = []
                    say("250 taken")
                else:
                    said.append(line)
                    say("250 ok")

    def close(self):
        self.listener.close()

    def url(self):
        return f"smtp://127.0.0.1:{self.port}"
