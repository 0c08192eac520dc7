"""The requests library: with_requests.py PROXY URL ROUNDS COUNT CA HTTP; a session for each round."""

import json
import sys

import requests


def main():
    proxy, url, rounds, count, ca = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    for _ in range(rounds):
        with requests.Session() as session:
            session.trust_env = False
            session.verify = ca
            if proxy != "none":
                session.proxies = {"http": proxy, "https": proxy}
            for page in range(count):
                session.get(f"{url}?{page}").raise_for_status()
    print(json.dumps({"requests": rounds * count}))


main()
