"""Requests in clear on MPTCP sockets: mptcp.py PORT CONNECTIONS [FILE]

Asks once on each connection, and reads each answer 20 ms after it came. With FILE it says that it is ready, waits for
the file, asks again on each, and holds the connections until it is ended. Prints the number of answers.
"""

import json
import os
import signal
import socket
import sys
import time

MPTCP = 262
REQUEST = b"GET / HTTP/1.1\r\nHost: subflow.test\r\n\r\n"


def asks(sock):
    sock.sendall(REQUEST)
    time.sleep(0.02)
    return len(sock.recv(65536)) != 0


def main():
    port, count = map(int, sys.argv[1:3])
    socks = [socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP) for _ in range(count)]
    for sock in socks:
        sock.connect(("127.0.0.1", port))
    answers = sum(asks(sock) for sock in socks)
    if len(sys.argv) > 3:
        print("ready", flush=True)
        while not os.path.exists(sys.argv[3]):
            time.sleep(0.01)
        answers += sum(asks(sock) for sock in socks)
        print("done", flush=True)
        signal.pause()
    print(json.dumps({"requests": answers}))


main()
