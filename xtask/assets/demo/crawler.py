"""A small crawler on http.client: follows every link from the first page.

crawler.py PORT CA new-connections|keep-alive
"""

import http.client
import re
import socket
import ssl
import sys

HOST = "origin.test"
port, ca, habit = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=ca)
connection = None

# No DNS server knows the origin: the only lines which a crawler of the open web would not have.
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest: resolve("127.0.0.1", *rest)


def fetch(path):
    global connection
    if connection is None or habit == "new-connections":
        connection = http.client.HTTPSConnection(HOST, port, context=context, timeout=10)
    connection.request("GET", path)
    body = connection.getresponse().read().decode()
    if habit == "new-connections":
        connection.close()
    return body


seen = {"/"}
queue = ["/"]
while queue:
    for link in re.findall(r'href="(/[^"]*)"', fetch(queue.pop())):
        if link not in seen:
            seen.add(link)
            queue.append(link)
print(f"{len(seen)} pages")
