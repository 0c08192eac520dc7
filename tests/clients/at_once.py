"""Requests in rounds: at_once.py PORT CONNECTIONS SIZE...

Opens all connections to 127.0.0.1 first. A round sends as many requests as its SIZE says, each on a connection of
its own, the first ones first, and then reads all responses. A request says how many are in its round: the server
answers when it has all of them.
"""

import socket
import sys

PORT, CONNECTIONS, *SIZES = map(int, sys.argv[1:])

sockets = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(CONNECTIONS)]
for number, size in enumerate(SIZES):
    used = sockets[:size]
    request = f"GET /{number}/{size} HTTP/1.1\r\nHost: rounds.test\r\n\r\n".encode()
    for sock in used:
        sock.sendall(request)
    for sock in used:
        received = b""
        while not received.endswith(b"page\n"):
            received += sock.recv(4096)
for sock in sockets:
    sock.close()
