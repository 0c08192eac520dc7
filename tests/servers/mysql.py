"""The protocol of MySQL 8, as much of it as one query takes: mysql.py PORT; prints `session` and `query`."""

import hashlib
import os
import socket
import struct
import sys
import threading

from wire import read, say

# CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION, CLIENT_PLUGIN_AUTH, CLIENT_LONG_PASSWORD, CLIENT_TRANSACTIONS
CAPABILITIES = 0x200 | 0x8000 | 0x80000 | 0x1 | 0x2000
UTF8 = 33
AUTOCOMMIT = struct.pack("<H", 2)
COM_QUIT, COM_QUERY = 1, 3
PASSWORD = b"secret"


def packet(number, payload):
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def read_packet(stream):
    header = read(stream, 4)
    return read(stream, int.from_bytes(header[:3], "little"))


def text(value):
    return bytes([len(value)]) + value


def greeting(salt):
    low, high = CAPABILITIES & 0xFFFF, CAPABILITIES >> 16
    first = b"\x0a8.0.36\0" + struct.pack("<I", 1) + salt[:8] + b"\0" + struct.pack("<HB", low, UTF8) + AUTOCOMMIT
    return first + struct.pack("<HB", high, 21) + bytes(10) + salt[8:] + b"\0mysql_native_password\0"


def is_right(answer, salt):
    once = hashlib.sha1(PASSWORD).digest()
    mask = hashlib.sha1(salt + hashlib.sha1(once).digest()).digest()
    return bytes(a ^ b for a, b in zip(once, mask)) in answer


def rows(query):
    """A column and a row with the length of the query."""
    column = b"".join(map(text, [b"def", b"", b"", b"", b"length", b""]))
    column += b"\x0c" + struct.pack("<HIBHB", UTF8, 20, 0xFD, 0, 0) + bytes(2)
    end = b"\xfe\0\0" + AUTOCOMMIT
    payloads = [b"\x01", column, end, text(str(len(query)).encode()), end]
    return b"".join(packet(number, payload) for number, payload in enumerate(payloads, 1))


def serve(stream):
    salt = bytes(1 + byte % 127 for byte in os.urandom(20))
    done = b"\0\0\0" + AUTOCOMMIT + b"\0\0"
    try:
        stream.sendall(packet(0, greeting(salt)))
        if not is_right(read_packet(stream), salt):
            return stream.sendall(packet(2, b"\xff\x15\x04#28000no"))
        say("session")
        stream.sendall(packet(2, done))
        while (command := read_packet(stream))[0] != COM_QUIT:
            is_select = command[0] == COM_QUERY and command[1:7].upper() == b"SELECT"
            if is_select:
                say("query")
            stream.sendall(rows(command[1:]) if is_select else packet(1, done))
    except (EOFError, OSError) as error:
        print(repr(error), file=sys.stderr)
    finally:
        stream.close()


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
