"""Relay between two sockets, for proxies of the tests."""

import socket


def copy(source, target):
    """Hands on what comes from `source` until either end is gone, then ends both."""
    try:
        while chunk := source.recv(65536):
            target.sendall(chunk)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
