"""Connections that are kept after a page until the server closes them: stays.py PORT CONNECTIONS; prints how many there were."""

import http.client
import json
import sys

PORT, CONNECTIONS = map(int, sys.argv[1:])

connections = [http.client.HTTPConnection("127.0.0.1", PORT) for _ in range(CONNECTIONS)]
for connection in connections:
    connection.request("GET", "/")
    connection.getresponse().read()
for connection in connections:
    while connection.sock.recv(4096):
        pass
    connection.close()
print(json.dumps({"requests": CONNECTIONS, "connections": CONNECTIONS}))
