"""POSTs on a new connection each: uploads.py URL CONNECTIONS PIECES LATER.

Each body is 20,000 bytes a piece, and the pieces are sent 20 ms apart, as over a slow link. LATER more requests without a
body follow on the same connection. Prints how many requests and connections it made, and the ns from each POST's head to
its answer.
"""

import http.client
import json
import ssl
import sys
import time
from urllib.parse import urlsplit

URL, CONNECTIONS, PIECES, LATER = urlsplit(sys.argv[1]), *map(int, sys.argv[2:])
PIECE = 20_000


def connect():
    if URL.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(URL.hostname, URL.port, context=context)
    return http.client.HTTPConnection(URL.hostname, URL.port)


def body():
    for _ in range(PIECES):
        time.sleep(0.02)
        yield b"x" * PIECE


def main():
    times = []
    for _ in range(CONNECTIONS):
        connection = connect()
        connection.connect()
        start = time.monotonic_ns()
        connection.request("POST", "/", body=body(), headers={"Content-Length": str(PIECES * PIECE)})
        response = connection.getresponse()
        times.append(time.monotonic_ns() - start)
        response.read()
        for _ in range(LATER):
            connection.request("GET", "/")
            connection.getresponse().read()
        connection.close()
    print(json.dumps({"requests": CONNECTIONS * (1 + LATER), "connections": CONNECTIONS, "ttfb_ns": times}))


main()
