"""Answers without a body or with a tiny one: short_answers.py URL CA COUNT; COUNT times each of 304, HEAD and 206 on one connection."""

import http.client
import json
import ssl
import sys
from urllib.parse import urlsplit

URL, CA, COUNT = urlsplit(sys.argv[1]), sys.argv[2], int(sys.argv[3])


def connect():
    if URL.scheme == "https":
        return http.client.HTTPSConnection(URL.hostname, URL.port, context=ssl.create_default_context(cafile=CA))
    return http.client.HTTPConnection(URL.hostname, URL.port)


def ask(connection, method, status, length, **fields):
    connection.request(method, URL.path, headers={name.replace("_", "-"): value for name, value in fields.items()})
    response = connection.getresponse()
    body = response.read()
    assert (response.status, len(body)) == (status, length), (response.status, len(body))
    return response


connection = connect()
tag = ask(connection, "HEAD", 200, 0).getheader("ETag")
for number in range(COUNT):
    ask(connection, "GET", 304, 0, If_None_Match=tag)
    ask(connection, "HEAD", 200, 0)
    ask(connection, "GET", 206, 6, Range=f"bytes={number}-{number + 5}")
connection.close()
print(json.dumps({"requests": 1 + 3 * COUNT, "connections": 1}))
