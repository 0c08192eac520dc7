"""Websockets (RFC 6455): websocket.py PORT CONNECTIONS MESSAGES; each message is answered before the next one is sent."""

import base64
import json
import os
import socket
import sys

PORT, CONNECTIONS, MESSAGES = map(int, sys.argv[1:])


def read(stream, length):
    received = b""
    while len(received) < length:
        chunk = stream.recv(length - len(received))
        if not chunk:
            raise EOFError
        received += chunk
    return received


def send(stream, text):
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(text))
    stream.sendall(bytes([0x81, 0x80 | len(text)]) + mask + masked)


def main():
    for _ in range(CONNECTIONS):
        with socket.create_connection(("127.0.0.1", PORT)) as stream:
            key = base64.b64encode(os.urandom(16)).decode()
            fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13"
            stream.sendall(f"GET /chat HTTP/1.1\r\nHost: chat.test\r\n{fields}\r\n\r\n".encode())
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += stream.recv(1)
            for number in range(MESSAGES):
                # One looks like a request.
                send(stream, b"GET / HTTP/1.1" if number % 10 == 9 else b"message %d" % number)
                kind, length = read(stream, 2)
                read(stream, length)
    print(json.dumps({"requests": CONNECTIONS}))


main()
