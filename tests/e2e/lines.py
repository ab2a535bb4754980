"""One connection by which lines go to and fro: POP3 or ManageSieve."""
import socket
import ssl


class Line:
    """One connection, lines as they are."""

    def __init__(self, server, protocol="pop3", tls=False):
        self.server, self.protocol = server, protocol
        self.socket = socket.create_connection(("127.0.0.1", server.ports[protocol]), 60)
        self.got = b""
        self.greeting = self.answer()
        if tls:
            self.starttls()

    def line(self):
        while b"\r\n" not in self.got:
            d = self.socket.recv(65536)
            if not d:
                raise EOFError
            self.got += d
        out, self.got = self.got.split(b"\r\n", 1)
        return out

    def answer(self):
        """The last line of an answer of one line, or of ManageSieve."""
        while self.protocol == "sieve":
            line = self.line()
            if line.startswith((b"OK", b"NO", b"BYE")):
                return line
        return self.line()

    def send(self, data):
        self.socket.sendall(data)

    def say(self, text):
        self.send((text if isinstance(text, bytes) else text.encode()) + b"\r\n")
        return self.answer()

    def begin_tls(self):
        """What follows STARTTLS or STLS and its answer."""
        context = ssl.create_default_context(cafile=self.server.cert)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        if self.protocol == "sieve":
            assert self.answer().startswith(b"OK")

    def starttls(self, behind=b""):
        """behind: sent in the open together with the command."""
        self.send((b"STARTTLS" if self.protocol == "sieve" else b"STLS") + b"\r\n" + behind)
        assert self.answer().lstrip(b"+").startswith(b"OK")
        self.begin_tls()
