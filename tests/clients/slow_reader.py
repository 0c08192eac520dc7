"""A client that works between its reads: slow_reader.py PORT REQUESTS BYTES PIECE HELD.

Each response of so many bytes is read in pieces, with 40 ms of work after each; the next request follows at once. HELD is
the size of the receive buffer, 0 for the kernel's choice. Prints the ns from the first byte of each response to the read of
its last one.
"""

import json
import socket
import sys
import time

PORT, REQUESTS, BYTES, PIECE, HELD = map(int, sys.argv[1:])
WORK_S = 0.04
SO_RCVBUFFORCE = 33


def main():
    times = []
    sock = socket.socket()
    if HELD:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, HELD)
    sock.connect(("127.0.0.1", PORT))
    for _ in range(REQUESTS):
        sock.sendall(f"GET /{BYTES} HTTP/1.1\r\nHost: slow.test\r\n\r\n".encode())
        received = sock.recv(PIECE)
        first = time.monotonic_ns()
        missing = BYTES - len(received.split(b"\r\n\r\n", 1)[1])
        while missing > 0:
            time.sleep(WORK_S)
            missing -= len(sock.recv(PIECE))
        times.append(time.monotonic_ns() - first)
    sock.close()
    print(json.dumps({"requests": REQUESTS, "read_ns": times}))


main()
