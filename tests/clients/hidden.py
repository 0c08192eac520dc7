"""Connections that no file leads to: hidden.py ADDRESS PORT, where a server reads nothing

Opens one connection that is then on its way from one process to another, received by nobody, and one that it closes
with so much to be sent that it cannot end. Says so, and waits until it is ended.
"""

import signal
import socket
import sys


def main():
    address = sys.argv[1], int(sys.argv[2])
    here, there = socket.socketpair(socket.AF_UNIX)
    passed = socket.create_connection(address)
    socket.send_fds(here, [b"x"], [passed.fileno()])
    passed.close()
    stuck = socket.create_connection(address)
    stuck.setblocking(False)
    try:
        while True:
            stuck.send(b"x" * 65536)
    except BlockingIOError:
        stuck.close()
    print("hidden", flush=True)
    signal.pause()
    there.close()


main()
