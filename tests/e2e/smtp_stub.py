"""A mail server that does what it is told to at each stage of the dialogue: says something else, says nothing, goes
away. It keeps what it has answered with 250."""
import re
import socket
import threading

EXTENSIONS = ("SIZE 10000000", "8BITMIME", "SMTPUTF8")


class Stub:
    """faults: {stage: answer, "hang" or "close"}; stages are greet, ehlo, helo, starttls, mail, rcpt (perhaps with a
    dict of addresses), data and dot. Reports (from the null sender) meet none behind MAIL."""

    def __init__(self, extensions=EXTENSIONS):
        self.extensions, self.faults = extensions, {}
        self.mails, self.lines, self.connections = [], [], 0
        self.open, self.lock, self.released = set(), threading.Lock(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.open.add(c)
                self.connections += 1
            threading.Thread(target=self.serve, args=(c, self.released), daemon=True).start()

    def serve(self, c, released):
        try:
            self.talk(c, released)
        except (OSError, ValueError):
            pass
        with self.lock:
            self.open.discard(c)
            c.close()

    def say(self, c, released, stage, text, fault=None):
        """Whether the dialogue goes on."""
        fault = fault or self.faults.get(stage)
        if isinstance(fault, dict):
            fault = None
        if fault == "hang":
            released.wait(30)
        if fault in ("hang", "close"):
            return False
        c.sendall((fault or text).encode() + b"\r\n")
        return True

    def talk(self, c, released):
        f, sender, to = c.makefile("rb"), None, []
        go_on = self.say(c, released, "greet", "220 stub")
        while go_on and (line := f.readline()):
            line = line.decode().rstrip("\r\n")
            with self.lock:
                self.lines.append(line)
            verb, address = line[:4].upper(), (re.findall("<(.*)>", line) or [""])[0]
            fault = "250 OK" if sender == "" and verb in ("RCPT", "DATA") else None
            if verb == "EHLO":
                names = ["stub", *self.extensions]
                text = "\r\n".join(f"250{'-' if i + 1 < len(names) else ' '}{n}" for i, n in enumerate(names))
                go_on = self.say(c, released, "ehlo", text)
            elif verb == "HELO":
                go_on = self.say(c, released, "helo", "250 stub")
            elif verb == "STAR":
                go_on = self.say(c, released, "starttls", "454 no TLS today")
            elif verb == "MAIL":
                sender, to = address, []
                go_on = self.say(c, released, "mail", "250 OK", "250 OK" if sender == "" else None)
            elif verb == "RCPT":
                to.append(address)
                by_address = self.faults.get("rcpt")
                if isinstance(by_address, dict):
                    fault = by_address.get(address)
                go_on = self.say(c, released, "rcpt", "250 OK", fault)
            elif verb == "DATA":
                if sender == "" or self.faults.get("data") is None:
                    c.sendall(b"354 go on\r\n")
                    go_on = self.take(c, released, f, sender, to)
                else:
                    go_on = self.say(c, released, "data", "")
            elif verb == "QUIT":
                c.sendall(b"221 bye\r\n")
                return
            else:
                c.sendall(b"250 OK\r\n" if verb in ("RSET", "NOOP") else b"502 what?\r\n")

    def take(self, c, released, f, sender, to):
        octets = b""
        while (line := f.readline()) != b".\r\n":
            if not line:
                return False
            octets += line[1:] if line.startswith(b".") else line
        if sender == "" or self.faults.get("dot") is None:
            with self.lock:
                self.mails.append((sender, to, octets))
            c.sendall(b"250 taken\r\n")
            return True
        return self.say(c, released, "dot", "")

    def set(self, faults):
        """From now on; who is connected is sent away."""
        with self.lock:
            self.faults = faults
            self.released.set()
            self.released = threading.Event()
        self.send_away()

    def send_away(self):
        with self.lock:
            for c in self.open:
                try:
                    c.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def to(self, address):
        """Octets of mails for it."""
        with self.lock:
            return [m[2] for m in self.mails if address in m[1]]

    def take_mails(self):
        with self.lock:
            mails, self.mails = self.mails, []
            return mails

    def said(self, verb):
        with self.lock:
            return [line for line in self.lines if line.upper().startswith(verb.upper())]

    def close(self):
        self.listener.close()
        self.set({})
