# SPDX-License-Identifier: GPL-2.0-or-later
"""The two ends of protocols that need a helper: FTP, active and passive, and SIP with one media stream.

helped.py server ADDRESS    answers FTP on port 21 and SIP on port 5060; on order sends media
helped.py client ADDRESS    does what it is told, with the server at that address

Driven by JSON lines on standard input as traffic.py is; one answer each.
"""

import json
import re
import socket
import sys
import threading

WAIT_S = 12
PAYLOAD = b"what was asked for"
MEDIA_PORT = 30000


def numbers(address, port):
    return "%s,%d,%d" % (address.replace(".", ","), port >> 8, port & 255)


def address_of(text):
    found = [int(n) for n in re.search(r"(\d+(?:,\d+){5})", text).group(1).split(",")]
    return ".".join(map(str, found[:4])), found[4] * 256 + found[5]


def line_of(sock):
    data = b""
    while not data.endswith(b"\n"):
        got = sock.recv(1)
        if not got:
            raise OSError("closed")
        data += got
    return data.decode().strip()


def sdp(address, port):
    return ("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\nm=audio %d RTP/AVP 0\r\n"
            % (address, address, port))


def sip(first, lines, body):
    return "\r\n".join([first, *lines, "Content-Type: application/sdp",
                        "Content-Length: %d" % len(body), "", body]).encode()


class Server:
    def __init__(self, address):
        self.address = address
        self.media_to = None
        self.media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.media.bind((address, MEDIA_PORT))
        listener = socket.create_server((address, 21))
        signalling = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        signalling.bind((address, 5060))
        threading.Thread(target=self.ftp, args=(listener,), daemon=True).start()
        threading.Thread(target=self.sip, args=(signalling,), daemon=True).start()

    def ftp(self, listener):
        while True:
            control, _ = listener.accept()
            threading.Thread(target=self.session, args=(control,), daemon=True).start()

    def session(self, control):
        waiting = target = None
        control.sendall(b"220 ready\r\n")
        try:
            while True:
                line = line_of(control)
                if line.startswith("USER"):
                    control.sendall(b"230 welcome\r\n")
                elif line.startswith("PORT"):
                    target = address_of(line)
                    control.sendall(b"200 ok\r\n")
                elif line == "PASV":
                    waiting = socket.create_server((self.address, 0))
                    waiting.settimeout(WAIT_S)
                    control.sendall(("227 Entering Passive Mode (%s)\r\n" % numbers(
                        self.address, waiting.getsockname()[1])).encode())
                elif line.startswith("RETR"):
                    if target:
                        data = socket.create_connection(target, WAIT_S,
                                                        source_address=(self.address, 0))
                    else:
                        data, _ = waiting.accept()
                    data.sendall(PAYLOAD)
                    data.close()
                    control.sendall(b"226 done\r\n")
        except OSError:
            control.close()

    def sip(self, signalling):
        while True:
            data, source = signalling.recvfrom(4096)
            text = data.decode()
            if not text.startswith("INVITE"):
                continue
            self.media_to = (re.search(r"c=IN IP4 (\S+)", text).group(1),
                             int(re.search(r"m=audio (\d+)", text).group(1)))
            kept = [line for line in text.split("\r\n")
                    if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
            to = [line for line in text.split("\r\n") if line.startswith("To:")][0]
            signalling.sendto(sip("SIP/2.0 200 OK", [
                *kept, to + ";tag=2", "Contact: <sip:b@%s:5060>" % self.address],
                sdp(self.address, MEDIA_PORT)), source)

    def do_media(self):
        for _ in range(5):
            self.media.sendto(PAYLOAD, self.media_to)
        return {"to": self.media_to}


class Client:
    def __init__(self, server):
        self.server = server
        self.control = None
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        probe.connect((server, 9))
        self.address = probe.getsockname()[0]

    def do_open(self):
        self.control = socket.create_connection((self.server, 21), WAIT_S)
        line_of(self.control)
        # The helper looks for commands only after a line that it has seen the end of.
        return self.do_say("USER x")

    def do_say(self, line):
        self.control.sendall(line.encode() + b"\r\n")
        return {"reply": line_of(self.control)}

    def do_port(self):
        """PORT with a port that waits for the data connection."""
        self.waiting = socket.create_server((self.address, 0))
        self.waiting.settimeout(WAIT_S)
        return self.do_say("PORT " + numbers(self.address, self.waiting.getsockname()[1]))

    def do_take(self):
        """RETR in active mode: the server connects to us."""
        self.control.sendall(b"RETR x\r\n")
        data, _ = self.waiting.accept()
        return self.read(data)

    def do_fetch(self, reply):
        """RETR in passive mode: we connect to where the server said."""
        self.control.sendall(b"RETR x\r\n")
        return self.read(socket.create_connection(address_of(reply), WAIT_S))

    def read(self, data):
        data.settimeout(WAIT_S)
        got = b""
        while True:
            more = data.recv(4096)
            if not more:
                break
            got += more
        return {"whole": got == PAYLOAD, "reply": line_of(self.control)}

    def do_invite(self):
        self.media = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.media.bind((self.address, 40000))
        self.media.settimeout(WAIT_S)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((self.address, 5060))
        sock.settimeout(WAIT_S)
        sock.sendto(sip("INVITE sip:b@%s SIP/2.0" % self.server, [
            "Via: SIP/2.0/UDP %s:5060;branch=z9hG4bK1" % self.address,
            "From: <sip:a@%s>;tag=1" % self.address, "To: <sip:b@%s>" % self.server,
            "Call-ID: 1@%s" % self.address, "CSeq: 1 INVITE",
            "Contact: <sip:a@%s:5060>" % self.address], sdp(self.address, 40000)),
            (self.server, 5060))
        return {"reply": sock.recv(4096).decode().split("\r\n")[0]}

    def do_hear(self):
        return {"whole": self.media.recv(4096) == PAYLOAD}


def main():
    role, address = sys.argv[1:]
    end = Server(address) if role == "server" else Client(address)
    socket.setdefaulttimeout(None)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        words = json.loads(line)
        try:
            answer = getattr(end, "do_" + words.pop("do"))(**words)
        except (OSError, ValueError) as error:
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
