"""Clients with one fault each, as people write them, and without it: `faults.py NAME URL [VALUE]`."""

import asyncio
import contextlib
import socket
import sys
import threading
import time
import urllib.parse

import aiohttp
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

NAME, URL = sys.argv[1:3]
VALUE = sys.argv[3] if len(sys.argv) > 3 else ""


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


def session_kept():
    session = requests.Session()
    for _ in range(80):
        session.get(URL)


def good():
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=20))
    threads(20, lambda: [session.get(URL) for _ in range(25)])


def polite():
    session = requests.Session()
    for _ in range(60):
        session.get(URL)
        time.sleep(0.02)


def five():
    session = requests.Session()
    for _ in range(5):
        session.get(URL)


def pauses():
    """A request now and then, from workers that each have a session."""

    def work():
        session = requests.Session()
        for _ in range(7):
            session.get(URL)
            time.sleep(0.35)

    threads(10, work)


def retries():
    again = Retry(total=5, status_forcelist=[503], backoff_factor=0)
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=again))
    for _ in range(60):
        session.get(URL)


def downloads():
    threads(2, lambda: requests.Session().get(URL))


def waits():
    """Long polling, and streams of events."""
    streams = [threading.Thread(target=stream) for _ in range(20)]
    for running in streams:
        running.start()
    threads(55, lambda: requests.Session().get(URL + "poll"))
    for running in streams:
        running.join()


def stream():
    with requests.Session().get(URL + "events", stream=True) as response:
        for _ in response.iter_lines():
            pass


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


async def tasks(count, requests_each, after, connector=None):
    async with aiohttp.ClientSession(connector=connector) as session:

        async def work():
            for _ in range(requests_each):
                async with session.get(URL) as response:
                    await response.read()
                    await after()

        await asyncio.gather(*[work() for _ in range(count)])


async def store_here():
    # A call that waits, as for a disk or a database, stops the whole loop.
    time.sleep(0.012)


async def store_in_thread():
    await asyncio.to_thread(time.sleep, 0.012)


async def store_not():
    pass


def blocked():
    asyncio.run(tasks(25, 6, store_here))


def unblocked():
    asyncio.run(tasks(25, 6, store_in_thread))


def capped():
    asyncio.run(tasks(250, 8, store_not))


def uncapped():
    async def run():
        await tasks(250, 4, store_not, aiohttp.TCPConnector(limit=int(VALUE)))

    asyncio.run(run())


def articles(names, session):
    """An article of each site, of three pages."""
    for name in names:
        with session() as own:
            for _ in range(3):
                own.get(URL.replace("NAME", name))


NAMES = [f"site-{number}.ok.test" for number in range(15)]


def session_for_each_article():
    articles(NAMES * 4, requests.Session)


def session_for_all_articles():
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_connections=len(NAMES)))
    articles(NAMES * 4, lambda: kept(session))


@contextlib.contextmanager
def kept(session):
    yield session


def one_page_each():
    """One page of each of many sites; VALUE is their number, and that of sites whose names do not resolve."""
    good, bad = map(int, VALUE.split(","))
    names = [f"site-{number}.ok.test" for number in range(good)]
    names += [f"gone-{number}.fail.test" for number in range(bad)]
    session = requests.Session()
    for name in names:
        tolerant(lambda: session.get(URL.replace("NAME", name)))


def uploads():
    def work():
        session = requests.Session()
        for _ in range(8):
            session.post(URL, data=b"x" * 100_000)

    threads(10, work)


def tunnels():
    """Three requests on each of many tunnels; VALUE is the proxy."""
    urllib3.disable_warnings()

    def work():
        session = requests.Session()
        for _ in range(3):
            session.get(URL, proxies={"https": VALUE}, verify=False)

    threads(24, work)


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


globals()[NAME]()
