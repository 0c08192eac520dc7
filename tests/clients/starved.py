"""A client that waits for its CPU: starved.py ADDRESS PORT REQUESTS

Requests one after the other at the lowest priority, on a CPU that another process keeps busy. Prints how
long this thread was ready to run and did not: the second figure of schedstat (proc(5)), ns, around the requests.
"""

import json
import os
import signal
import socket
import sys
import time


def hog():
    """Uses the CPU until it is killed, or a minute is over."""
    pid = os.fork()
    if pid:
        return pid
    end = time.monotonic() + 60
    while time.monotonic() < end:
        pass
    os._exit(0)


def waited_ns():
    with open("/proc/thread-self/schedstat") as file:
        return int(file.read().split()[1])


def main():
    address, port, requests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    pid = hog()
    try:
        os.nice(19)
        with socket.create_connection((address, port)) as sock:
            before = waited_ns()
            for _ in range(requests):
                sock.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
                received = b""
                while b"\r\n\r\n" not in received:
                    received += sock.recv(65536)
            print(json.dumps({"requests": requests, "connections": 1, "waited_ns": waited_ns() - before}))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


main()
