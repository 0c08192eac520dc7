"""Requests with the client's own clock: turns.py THREADS SCHEME,ADDRESS,PORT,NAME,CONNECTIONS,REQUESTS[,KEY=NUMBER...] ...

For each argument so many connections, one after the other, with so many requests each; so many
arguments at a time. Keys:
  pause   ms between the handshake and the first request
  gap     ms between requests
  late    ms that a response lies in the socket before it is read
  body    bytes of a request body
  pipe    requests sent at once, 1 without it

Prints for each argument the ns from before a request is sent until the first byte of its response.
"""

import json
import select
import socket
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor

CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE


def open_connection(scheme, address, port, name):
    sock = socket.create_connection((address, int(port)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if scheme == "http":
        return sock
    return CONTEXT.wrap_socket(sock, server_hostname=name)


def read_response(sock, received):
    """Reads on until one response is whole; gives what came after it."""
    while b"\r\n\r\n" not in received:
        received += sock.recv(65536)
    head, rest = received.split(b"\r\n\r\n", 1)
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    length = int(fields.get(b"content-length", 0))
    while len(rest) < length:
        rest += sock.recv(65536)
    return rest[length:]


def ask(sock, name, options):
    body = b"x" * options.get("body", 0)
    head = f"GET /x HTTP/1.1\r\nHost: {name}\r\n"
    if body:
        head = f"POST /x HTTP/1.1\r\nHost: {name}\r\nContent-Length: {len(body)}\r\n"
    at_once = options.get("pipe", 1)
    data = (head.encode() + b"\r\n" + body) * at_once
    start = time.monotonic_ns()
    sock.sendall(data)
    if "late" in options:
        select.select([sock], [], [])
        time.sleep(options["late"] / 1000)
    rest = sock.recv(65536)
    first = time.monotonic_ns()
    for _ in range(at_once):
        rest = read_response(sock, rest)
    return first - start


def visit(argument):
    scheme, address, port, name, connections, requests, *rest = argument.split(",")
    options = {key: int(value) for key, value in (word.split("=") for word in rest)}
    times = {"first_ns": [], "later_ns": []}
    for _ in range(int(connections)):
        with open_connection(scheme, address, port, name) as sock:
            time.sleep(options.get("pause", 0) / 1000)
            for number in range(int(requests)):
                if number:
                    time.sleep(options.get("gap", 0) / 1000)
                times["later_ns" if number else "first_ns"].append(ask(sock, name, options))
    return times


with ThreadPoolExecutor(int(sys.argv[1])) as pool:
    print(json.dumps(list(pool.map(visit, sys.argv[2:]))))
