"""Raw connects: connects.py MODE COUNT HOST PORT [HOST PORT ...]; MODE is blocking,
nonblocking or abandoned.

Prints how many succeeded and how the others failed, by errno name. SYNs are sent
again at most TCP_SYNCNT times, so that a timeout takes seconds, not minutes.
"""

import errno
import json
import os
import select
import socket
import sys
from collections import Counter


def open_socket(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, int(os.environ.get("SYNCNT", "1")))
    return sock


def connect(mode, host, port):
    with open_socket(host) as sock:
        sock.setblocking(mode == "blocking")
        code = sock.connect_ex((host, port))
        if code == errno.EINPROGRESS and mode == "nonblocking":
            poll = select.poll()
            poll.register(sock, select.POLLOUT)
            poll.poll()
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return errno.errorcode.get(code, "ok")


def main():
    mode, count, rest = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    done = Counter()
    for host, port in zip(rest[::2], rest[1::2]):
        for _ in range(count):
            done[connect(mode, host, int(port))] += 1
    print(json.dumps(done))


main()
