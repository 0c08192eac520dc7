"""The requests library: requests_client.py MODE URL COUNT CA; MODE is naive or session."""

import json
import sys

import requests
from urllib3.connection import HTTPConnection

opened = 0
connect = HTTPConnection._new_conn


def counted(self):
    global opened
    opened += 1
    return connect(self)


HTTPConnection._new_conn = counted


def main():
    mode, url, count, ca = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    get = requests.Session().get if mode == "session" else requests.get
    for _ in range(count):
        get(url, verify=ca).raise_for_status()
    print(json.dumps({"requests": count, "connections": opened}))


main()
