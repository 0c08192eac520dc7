"""A process that loads libssl late: late.py URL LIBRARY.

It says `ready`, waits for SIGUSR2, loads the library by its path, connects to the URL's port, and makes a TLS connection with
it by hand: one write of the preface of HTTP/2 and one frame, one read.
"""

import ctypes
import signal
import socket
import sys
import time
from urllib.parse import urlsplit

PORT, LIBRARY = urlsplit(sys.argv[1]).port, sys.argv[2]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
print("ready", flush=True)
signal.sigwait([signal.SIGUSR2])

ssl = ctypes.CDLL(LIBRARY)
for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
    getattr(ssl, name).restype = ctypes.c_void_p
pointer = ctypes.c_void_p
context = pointer(ssl.SSL_CTX_new(pointer(ssl.TLS_client_method())))
ssl.SSL_CTX_set_alpn_protos(context, b"\2h2", 3)


def visit():
    """Connects, writes and reads once."""
    with socket.create_connection(("localhost", PORT)) as connection:
        # What the library is used for comes some time after it was loaded, as with any real program.
        time.sleep(0.3)
        tls = pointer(ssl.SSL_new(context))
        assert ssl.SSL_set_fd(tls, connection.fileno()) == 1
        assert ssl.SSL_connect(tls) == 1
        assert ssl.SSL_write(tls, PREFACE, len(PREFACE)) == len(PREFACE)
        assert ssl.SSL_read(tls, ctypes.create_string_buffer(4096), 4096) > 0
        ssl.SSL_free(tls)


visit()
print("visited")
