"""A ClientHello in pieces: hello_records.py PORT CONNECTIONS RECORD APART SEGMENT.

RECORD is how many bytes of the hello each of its TLS records has, 0 for a single record; they are sent together, or with
APART each as its own segment. SEGMENT is how many bytes are sent at a time, 0 for all at once. A request follows on each
connection. Prints how many there were.
"""

import json
import socket
import ssl
import sys
import time

PORT, CONNECTIONS, RECORD, APART, SEGMENT = map(int, sys.argv[1:])
PAGE = 2000


def until_sent(sock):
    """Waits until the peer has acknowledged everything: two segments, not one joined."""
    while sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[24:28] != bytes(4):
        time.sleep(0.0001)


def pieces(hello):
    if SEGMENT:
        return [hello[at : at + SEGMENT] for at in range(0, len(hello), SEGMENT)]
    if not RECORD:
        return [hello]
    kind, message = hello[:3], hello[5:]
    parts = [message[at : at + RECORD] for at in range(0, len(message), RECORD)]
    records = [kind + len(part).to_bytes(2, "big") + part for part in parts]
    return records if APART else [b"".join(records)]


class Peer:
    def __init__(self, context):
        self.sock = socket.create_connection(("127.0.0.1", PORT))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="pieces.test")
        self.is_first = True

    def flush(self):
        data = self.outgoing.read()
        if data and self.is_first:
            for piece in pieces(data):
                self.sock.sendall(piece)
                until_sent(self.sock)
            self.is_first = False
        elif data:
            self.sock.sendall(data)

    def step(self, action):
        while True:
            try:
                result = action()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.sock.recv(65536))

    def visit(self):
        self.step(self.tls.do_handshake)
        self.step(lambda: self.tls.write(b"GET / HTTP/1.1\r\nHost: pieces.test\r\n\r\n"))
        got = 0
        while got < PAGE:
            got += len(self.step(lambda: self.tls.read(65536)))
        self.sock.close()


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for _ in range(CONNECTIONS):
        Peer(context).visit()
    print(json.dumps({"requests": CONNECTIONS, "connections": CONNECTIONS}))


main()
