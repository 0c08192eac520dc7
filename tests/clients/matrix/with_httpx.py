"""httpx: with_httpx.py PROXY URL ROUNDS COUNT CA HTTP; a client for each round; HTTP is 1.1 or 2."""

import json
import ssl
import sys

import httpx


def main():
    proxy, url, rounds, count, ca, http = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:7]
    context = ssl.create_default_context(cafile=ca)
    way = None if proxy == "none" else proxy
    for _ in range(rounds):
        with httpx.Client(http2=http == "2", proxy=way, verify=context, trust_env=False) as client:
            for page in range(count):
                client.get(f"{url}?{page}").raise_for_status()
    print(json.dumps({"requests": rounds * count}))


main()
