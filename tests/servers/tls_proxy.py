"""A proxy with CONNECT that is spoken to over TLS: tls_proxy.py PORT cert=FILE key=FILE; prints `tunnel` for each."""

import socket
import ssl
import sys
import threading

from relay import copy

OPTIONS = dict(argument.split("=", 1) for argument in sys.argv[2:])
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(OPTIONS["cert"], OPTIONS["key"])


def serve(stream):
    try:
        client = CONTEXT.wrap_socket(stream, server_side=True)
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        _, port = head.split()[1].decode().rsplit(":", 1)
        server = socket.create_connection(("127.0.0.1", int(port)))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        sys.stdout.write("tunnel\n")
        sys.stdout.flush()
        threading.Thread(target=copy, args=(client, server), daemon=True).start()
        copy(server, client)
    except OSError as error:
        print(repr(error), file=sys.stderr)
        stream.close()


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=50)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
