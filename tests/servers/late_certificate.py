"""TLS 1.3 that asks for the client's certificate after the handshake (RFC 8446 4.6.2): late_certificate.py PORT cert=FILE key=FILE.

It asks once it has read the first request of a connection, and answers; the certificate comes behind the answer. Prints
`connection`, `request` and `certificate`.
"""

import socket
import ssl
import sys
import threading

from wire import say

OPTIONS = dict(argument.split("=", 1) for argument in sys.argv[2:])
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.minimum_version = ssl.TLSVersion.TLSv1_3
CONTEXT.load_cert_chain(OPTIONS["cert"], OPTIONS["key"])
CONTEXT.load_verify_locations(OPTIONS["cert"])
CONTEXT.post_handshake_auth = True
CONTEXT.verify_mode = ssl.CERT_REQUIRED


def serve(stream):
    with CONTEXT.wrap_socket(stream, server_side=True) as tls:
        say("connection")
        asked, received = False, b""
        while True:
            while b"\r\n\r\n" not in received:
                chunk = tls.recv(65536)
                if not chunk:
                    return
                received += chunk
            if asked and tls.getpeercert():
                say("certificate")
            received = b""
            say("request")
            if not asked:
                asked = True
                tls.verify_client_post_handshake()
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=50)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
