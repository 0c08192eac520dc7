"""TLS with the ClientHello cut in two: tls_pieces.py HOST PORT NAME CA VERSION FIRST LAST STEP.

One connection for each cut in range(FIRST, LAST, STEP); the cut counts from the start of the
ClientHello, and 0 is no cut. LAST 0 is the whole ClientHello. Prints the connections made and
the length of the ClientHello.
"""

import json
import socket
import ssl
import sys
import time


class Peer:
    """A TLS client over a socket, with the bytes to send under our control."""

    def __init__(self, host, port, name, context):
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)

    def step(self, action):
        """Runs an SSL call until it no longer wants bytes."""
        while True:
            try:
                return action()
            except ssl.SSLWantReadError:
                self.socket.sendall(self.outgoing.read())
                self.incoming.write(self.socket.recv(65536))

    def hello(self):
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return self.outgoing.read()

    def finish(self):
        self.step(self.tls.do_handshake)
        self.tls.write(b"GET / HTTP/1.0\r\n\r\n")
        self.socket.sendall(self.outgoing.read())
        while chunk := self.socket.recv(65536):
            self.incoming.write(chunk)
        self.socket.close()


def until_sent(sock):
    """Waits until the peer has acknowledged everything: two segments, not one joined."""
    while sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[24:28] != bytes(4):
        time.sleep(0.0001)


def main():
    host, port, name, ca, version = sys.argv[1:6]
    first, last, step = map(int, sys.argv[6:9])
    context = ssl.create_default_context(cafile=ca)
    number = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    context.minimum_version = context.maximum_version = number
    cut, done, length = first, 0, None
    while length is None or cut < (last or length):
        peer = Peer(host, int(port), name, context)
        hello = peer.hello()
        length = len(hello)
        if cut:
            peer.socket.sendall(hello[:cut])
            until_sent(peer.socket)
        peer.socket.sendall(hello[cut:])
        peer.finish()
        cut, done = cut + step, done + 1
    print(json.dumps({"connections": done, "full": done, "hello_bytes": length}))


main()
