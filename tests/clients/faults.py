"""Clients with one fault each, as people write them: `faults.py FAULT URL`."""

import asyncio
import random
import socket
import sys
import threading
import time
import urllib.parse

import aiohttp
import requests
from requests.adapters import HTTPAdapter

FAULT, URL = sys.argv[1:3]


def threads(count, work):
    running = [threading.Thread(target=work) for _ in range(count)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def tolerant(get):
    try:
        get()
    except requests.RequestException:
        pass


def session_each():
    for _ in range(80):
        requests.get(URL)


def good():
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=20))
    threads(20, lambda: [session.get(URL) for _ in range(25)])


def polite():
    session = requests.Session()
    for _ in range(60):
        session.get(URL)
        time.sleep(0.02)


def stale():
    def work():
        session = requests.Session()
        for _ in range(12):
            tolerant(lambda: session.get(URL))
            time.sleep(random.uniform(0.495, 0.502))

    threads(40, work)


def broken():
    session = requests.Session()
    for _ in range(300):
        tolerant(lambda: session.get(URL))


def slow():
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=20))
    threads(20, lambda: [session.get(URL) for _ in range(6)])


def unclosed():
    held = [requests.Session().get(URL, stream=True) for _ in range(40)]
    time.sleep(13)
    del held


async def tasks(count, requests_each, busy):
    async with aiohttp.ClientSession() as session:

        async def work():
            for _ in range(requests_each):
                async with session.get(URL) as response:
                    await response.read()
                    until = time.monotonic() + busy
                    while time.monotonic() < until:
                        pass

        await asyncio.gather(*[work() for _ in range(count)])


def blocked():
    asyncio.run(tasks(25, 6, 0.012))


def capped():
    asyncio.run(tasks(250, 8, 0.0))


def unanswered():
    place = urllib.parse.urlsplit(URL)

    def work():
        with socket.socket() as connection:
            connection.settimeout(1.6)
            try:
                connection.connect((place.hostname, place.port))
            except OSError:
                pass

    threads(25, work)


globals()[FAULT]()
