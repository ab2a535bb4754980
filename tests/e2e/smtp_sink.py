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
