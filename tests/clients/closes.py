"""Ways to end a connection: closes.py HOW COUNT HOST PORT.

Each connection sends one byte and receives one. Then HOW:
  close     the client closes at once
  read      it reads to the end, then closes: the server is first
  half      it ends its side, reads to the end, then closes
  reset     it resets (SO_LINGER 0)
  unread    it closes with bytes unread, which the kernel turns into a reset
  orphan    it closes and waits until the kernel holds it in TIME_WAIT
"""

import json
import os
import socket
import struct
import sys

TIME_WAIT = "06"


def in_time_wait(port):
    """Whether the kernel lists the local port in TIME_WAIT."""
    with open("/proc/net/tcp") as table:
        rows = [row.split() for row in table]
    return any(row[1].endswith(f":{port:04X}") and row[3] == TIME_WAIT for row in rows[1:])


def read_to_end(sock):
    while sock.recv(4096):
        pass


def end(how, sock):
    port = sock.getsockname()[1]
    if how == "half":
        sock.shutdown(socket.SHUT_WR)
    if how in ("half", "read"):
        read_to_end(sock)
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
    while how == "orphan" and not in_time_wait(port):
        os.sched_yield()


def main():
    how, count, host, port = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    for _ in range(count):
        sock = socket.create_connection((host, port))
        sock.sendall(b"?")
        if how == "unread":
            sock.recv(1, socket.MSG_PEEK)
        else:
            sock.recv(1)
        end(how, sock)
    print(json.dumps({"connections": count}))


main()
