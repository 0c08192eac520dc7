"""Python's http.client: http_client.py MODE URL COUNT CA; MODE is fresh, keepalive or resume.

resume offers the session of the first connection to every later one.
"""

import http.client
import json
import ssl
import sys
from urllib.parse import urlsplit


def main():
    mode, url, count, ca = sys.argv[1], urlsplit(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    done = {"requests": 0, "connections": 0, "full": 0, "resumed": 0}
    context = ssl.create_default_context(cafile=ca)
    session = None

    def connect():
        nonlocal session
        if url.scheme == "http":
            connection = http.client.HTTPConnection(url.hostname, url.port)
            connection.connect()
        else:
            connection = http.client.HTTPSConnection(url.hostname, url.port, context=context)
            http.client.HTTPConnection.connect(connection)
            connection.sock = context.wrap_socket(
                connection.sock, server_hostname=url.hostname, session=session
            )
            done["resumed" if connection.sock.session_reused else "full"] += 1
        done["connections"] += 1
        return connection

    connection = None
    for _ in range(count):
        connection = connection or connect()
        connection.request("GET", url.path)
        connection.getresponse().read()
        done["requests"] += 1
        if mode == "resume":
            session = session or connection.sock.session
        if mode != "keepalive":
            connection.close()
            connection = None
    print(json.dumps(done))


main()
