"""TLS 1.3 with a client certificate that the server asks for late: late_certificate.py PORT CERT KEY CONNECTIONS REQUESTS."""

import json
import socket
import ssl
import sys
import time

PORT, CERT, KEY = sys.argv[1:4]
CONNECTIONS, REQUESTS = map(int, sys.argv[4:])
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname = False
CONTEXT.load_verify_locations(CERT)
CONTEXT.load_cert_chain(CERT, KEY)
CONTEXT.post_handshake_auth = True


def page(tls):
    tls.sendall(b"GET /page HTTP/1.1\r\nHost: late.test\r\n\r\n")
    received = b""
    while len(received) < 2000 or b"x" * 2000 not in received:
        chunk = tls.recv(65536)
        if not chunk:
            raise EOFError
        received += chunk


for _ in range(CONNECTIONS):
    with CONTEXT.wrap_socket(socket.create_connection(("127.0.0.1", int(PORT)))) as tls:
        for _ in range(REQUESTS):
            page(tls)
            time.sleep(0.02)
print(json.dumps({"requests": CONNECTIONS * REQUESTS, "connections": CONNECTIONS}))
