"""Messages over TLS that need no answer (as RFC 5425): log_lines.py PORT VERSION CONNECTIONS LINES. A pause is 1.1 s."""

import json
import socket
import ssl
import sys
import threading
import time

PORT, VERSION = sys.argv[1:3]
CONNECTIONS, LINES = map(int, sys.argv[3:])
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname = False
CONTEXT.verify_mode = ssl.CERT_NONE
CONTEXT.minimum_version = CONTEXT.maximum_version = ssl.TLSVersion[VERSION]


def ship():
    with CONTEXT.wrap_socket(socket.create_connection(("127.0.0.1", int(PORT)))) as tls:
        for number in range(LINES):
            tls.sendall(f"<134>1 2029-01-01T00:00:00Z crawler - - - message {number} of many\n".encode() * (1 + number % 3))
            time.sleep(1.1)


threads = [threading.Thread(target=ship) for _ in range(CONNECTIONS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"connections": CONNECTIONS, "requests": 0}))
