"""Websockets (RFC 6455) with short messages: websocket.py PORT; prints `upgrade` for each connection, `message` for each message."""

import base64
import hashlib
import socket
import sys
import threading

from wire import read, say

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def upgrade(stream):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += read(stream, 1)
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
    accept = base64.b64encode(hashlib.sha1(fields[b"Sec-WebSocket-Key"] + GUID).digest())
    answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    stream.sendall(answer + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    say("upgrade")


def serve(stream):
    try:
        upgrade(stream)
        while True:
            kind, length = read(stream, 2)
            mask, text = read(stream, 4), read(stream, length & 0x7F)
            plain = bytes(byte ^ mask[place % 4] for place, byte in enumerate(text))
            say("message")
            stream.sendall(bytes([kind, len(plain)]) + plain)
    except (EOFError, OSError):
        stream.close()


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
