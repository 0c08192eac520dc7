"""Bytes that are no TLS: noise.py KIND HOST PORT COUNT; KIND is random, hello or speech.

random sends bytes that start no TLS record, hello a record header followed by no ClientHello,
speech waits for the server to speak first, as SSH and SMTP do.
"""

import json
import os
import socket
import sys


def main():
    kind, host, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    for _ in range(count):
        with socket.create_connection((host, port)) as sock:
            if kind == "speech":
                sock.recv(100)
                sock.sendall(b"SSH-2.0-noise\r\n")
            elif kind == "hello":
                sock.sendall(b"\x16\x03\x01\x02\x00\x7f" + os.urandom(600))
            else:
                sock.sendall(b"\x00" + os.urandom(600))
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(4096):
                pass
    print(json.dumps({"connections": count}))


main()
