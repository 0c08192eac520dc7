"""HTTP/1.1 with unusual answers: pages.py PORT [KEY=VALUE...]; a line on standard output for everything it counts.

Keys:
  cert, key  PEM files; without them the pages are in clear
  version    1.2 or 1.3, the only version of TLS
  tickets    session tickets of TLS 1.3
  busy       ms before it reads the rest of a handshake, behind which its tickets follow
  delay      ms before each response
  early      status of an answer before the request's body is there, which has no other answer
  notice     ms after which a silent client is told 408 and left
  interim    response before the body is read, with \\r\\n written out
  size       bytes of a page; an address /NUMBER has that many

Lines: `full` or `resumed` for each handshake, `connection` for each connection with a request, `request`.
"""

import select
import socket
import ssl
import sys
import threading
import time

from wire import say

PORT = int(sys.argv[1])
OPTIONS = dict(argument.split("=", 1) for argument in sys.argv[2:])
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def number(key):
    return int(OPTIONS.get(key, 0))


def context():
    if "cert" not in OPTIONS:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(OPTIONS["cert"], OPTIONS["key"])
    made.set_alpn_protocols(["http/1.1"])
    if "version" in OPTIONS:
        made.minimum_version = made.maximum_version = VERSIONS[OPTIONS["version"]]
    if "tickets" in OPTIONS:
        made.num_tickets = number("tickets")
    return made


CONTEXT = context()
INTERIM = OPTIONS.get("interim", "").replace("\\r\\n", "\r\n").encode()


def read_until(stream, received, is_enough):
    while not is_enough(received):
        chunk = stream.recv(65536)
        if not chunk:
            return None
        received += chunk
    return received


def response(status, body):
    return b"HTTP/1.1 %d Said\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


def page(head):
    path = head.split()[1].split(b"?")[0].strip(b"/")
    return b"x" * (int(path) if path.isdigit() else number("size"))


def answer(stream, received, is_first):
    """Answers one request; gives what came after it, or None at the end."""
    received = read_until(stream, received, lambda so_far: b"\r\n\r\n" in so_far)
    if received is None:
        return None
    head, rest = received.split(b"\r\n\r\n", 1)
    if is_first:
        say("connection")
    say("request")
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
    length = int(fields.get(b"content-length", 0))
    if length and "early" in OPTIONS:
        stream.sendall(response(number("early"), b"no"))
    elif length:
        stream.sendall(INTERIM)
    rest = read_until(stream, rest, lambda so_far: len(so_far) >= length)
    if rest is None:
        return None
    if not (length and "early" in OPTIONS):
        time.sleep(number("delay") / 1000)
        stream.sendall(response(200, page(head)))
    return rest[length:]


def secure(stream):
    tls = CONTEXT.wrap_socket(stream, server_side=True, do_handshake_on_connect=False)
    tls.settimeout(0)
    while "busy" in OPTIONS:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            select.select([tls], [], [])
            time.sleep(number("busy") / 1000)
    tls.settimeout(None)
    tls.do_handshake()
    return tls


def serve(stream):
    try:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if CONTEXT:
            stream = secure(stream)
            say("resumed" if stream.session_reused else "full")
        if "notice" in OPTIONS:
            stream.settimeout(number("notice") / 1000)
        received, requests = b"", 0
        while received is not None:
            received = answer(stream, received, requests == 0)
            requests += 1
    except TimeoutError:
        stream.sendall(b"HTTP/1.0 408 Request Time-out\r\nConnection: close\r\n\r\n")
    except OSError as error:
        print(error, file=sys.stderr)
    finally:
        stream.close()


listener = socket.create_server(("127.0.0.1", PORT), backlog=500)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
