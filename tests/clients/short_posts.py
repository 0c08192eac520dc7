"""Sends short bodies in records of their own: short_posts.py HOST PORT REQUESTS BODY_BYTES

One connection of TLS 1.3, by a client that offers HTTP/2 and HTTP/1.1.
"""

import json
import socket
import ssl
import sys

host, port, requests, length = sys.argv[1], *map(int, sys.argv[2:])
context = ssl._create_unverified_context()
context.minimum_version = ssl.TLSVersion.TLSv1_3
context.set_alpn_protocols(["h2", "http/1.1"])
plain = socket.create_connection((host, port))
plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
with context.wrap_socket(plain, server_hostname="localhost") as connection:
    for _ in range(requests):
        head = f"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode())
        connection.sendall(b"x" * length)
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        left = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]) - len(body)
        while left:
            left -= len(connection.recv(left))
print(json.dumps({"requests": requests, "connections": 1}))
