"""Requests in clear whose first bytes leave with the SYN: fast_open.py PORT CONNECTIONS REQUESTS

Opens the connections one after the other, each with so many requests. Prints the number of answers.
"""

import json
import socket
import sys

REQUEST = b"GET /fast HTTP/1.1\r\nHost: fast.test\r\n\r\n"


def main():
    port, connections, requests = map(int, sys.argv[1:])
    answers = 0
    for _ in range(connections):
        with socket.socket() as sock:
            sock.sendto(REQUEST, socket.MSG_FASTOPEN, ("127.0.0.1", port))
            for number in range(requests):
                if number != 0:
                    sock.sendall(REQUEST)
                answers += len(sock.recv(65536)) != 0
    print(json.dumps({"requests": answers}))


main()
