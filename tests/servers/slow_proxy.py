"""A proxy with CONNECT that takes its time: slow_proxy.py PORT SECONDS; prints `tunnel` and its nanoseconds
for each."""

import socket
import sys
import threading
import time

from relay import copy

SECONDS = float(sys.argv[2])


def serve(client):
    head = b""
    while b"\r\n\r\n" not in head:
        head += client.recv(4096)
    asked = time.monotonic_ns()
    time.sleep(SECONDS)
    host, port = head.split()[1].decode().rsplit(":", 1)
    server = socket.create_connection((host, int(port)))
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    # One write, so that lines of threads do not mix.
    sys.stdout.write(f"tunnel {time.monotonic_ns() - asked}\n")
    sys.stdout.flush()
    threading.Thread(target=copy, args=(client, server), daemon=True).start()
    copy(server, client)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=200)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
