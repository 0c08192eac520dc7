"""A peer that vanishes: dead_peer.py ADDRESS PORT NAMESPACE; NAMESPACE is the peer's, whose link goes down.

Three connections have a request answered. Then the first waits for a second answer, the second is idle, and the third
sends its second request to nobody. Keepalive ends the first two, TCP_USER_TIMEOUT the third. Prints the error of each.
"""

import json
import socket
import subprocess
import sys
import threading
import time

ADDRESS, PORT, NAMESPACE = sys.argv[1], int(sys.argv[2]), sys.argv[3]
REQUEST, SLOW = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", b"GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n"
errors = []


def open_connection():
    made = socket.create_connection((ADDRESS, PORT))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in [(socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 2)]:
        made.setsockopt(socket.IPPROTO_TCP, option, value)
    made.sendall(REQUEST)
    if not made.recv(4096):
        raise EOFError
    return made


def until_sent(connection):
    """Waits until the peer has acknowledged everything."""
    while connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[24:28] != bytes(4):
        time.sleep(0.001)


def wait(connection):
    try:
        connection.recv(4096)
    except OSError as error:
        errors.append(error.errno)


def main():
    waiting, idle, lost = (open_connection() for _ in range(3))
    waiting.sendall(SLOW)
    until_sent(waiting)
    subprocess.run(["ip", "-n", NAMESPACE, "link", "set", "tun0", "down"], check=True)
    lost.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2000)
    lost.sendall(SLOW)
    threads = [threading.Thread(target=wait, args=(connection,)) for connection in (waiting, idle, lost)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"errors": errors}))


main()
