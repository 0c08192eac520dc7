"""TLS that answers nothing: sink.py PORT cert=FILE key=FILE. Prints `connection`, and `line` for each line received."""

import socket
import ssl
import sys
import threading

from wire import say

OPTIONS = dict(argument.split("=", 1) for argument in sys.argv[2:])
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(OPTIONS["cert"], OPTIONS["key"])


def serve(stream):
    with CONTEXT.wrap_socket(stream, server_side=True) as tls:
        say("connection")
        while received := tls.recv(65536):
            for _ in range(received.count(b"\n")):
                say("line")


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=50)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
