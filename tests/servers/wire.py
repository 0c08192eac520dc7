"""What the servers here share: lines that the tests count, and reads of a known length."""

import sys


def say(line):
    # One call for the whole line: threads must not mix theirs.
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def read(stream, length):
    received = b""
    while len(received) < length:
        chunk = stream.recv(length - len(received))
        if not chunk:
            raise EOFError
        received += chunk
    return received
