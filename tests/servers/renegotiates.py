"""TLS 1.2 with a renegotiation before each answer: renegotiates.py PORT cert=FILE key=FILE [after=MS].

It asks for a new handshake once it has read a request, as a server does that wants a client's certificate for some pages
only; `after` ms later it answers. Prints `connection`, `request` and `renegotiation`.
"""

import select
import socket
import sys
import threading
import time

from OpenSSL import SSL

from wire import say

OPTIONS = dict(argument.split("=", 1) for argument in sys.argv[2:])
CONTEXT = SSL.Context(SSL.TLS_SERVER_METHOD)
CONTEXT.set_max_proto_version(SSL.TLS1_2_VERSION)
CONTEXT.use_certificate_file(OPTIONS["cert"])
CONTEXT.use_privatekey_file(OPTIONS["key"])
CONTEXT.set_session_id(b"tests")
CONTEXT.set_options(SSL.OP_NO_TICKET)


def until_done(tls, action):
    while True:
        try:
            return action()
        except SSL.WantReadError:
            select.select([tls], [], [])


def renegotiate(tls):
    tls.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    before = tls.total_renegotiations()
    tls.renegotiate()
    until_done(tls, tls.do_handshake)
    while tls.renegotiate_pending() or tls.total_renegotiations() == before:
        try:
            tls.recv(1, socket.MSG_PEEK)
        except SSL.WantReadError:
            if tls.renegotiate_pending():
                select.select([tls], [], [])
            else:
                break
    say("renegotiation")


def serve(stream):
    stream.setblocking(False)
    tls = SSL.Connection(CONTEXT, stream)
    tls.set_accept_state()
    try:
        until_done(tls, tls.do_handshake)
        requests, received = 0, b""
        while True:
            while b"\r\n\r\n" not in received:
                received += until_done(tls, lambda: tls.recv(65536))
            received = b""
            say("request")
            if not requests:
                say("connection")
            requests += 1
            renegotiate(tls)
            time.sleep(int(OPTIONS.get("after", 0)) / 1000)
            tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000)
    except (SSL.Error, OSError) as error:
        print(repr(error), file=sys.stderr)
    stream.close()


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=50)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
