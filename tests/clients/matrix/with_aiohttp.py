"""aiohttp: with_aiohttp.py PROXY URL ROUNDS COUNT CA HTTP; a session for each round."""

import asyncio
import json
import ssl
import sys

import aiohttp
from aiohttp_socks import ProxyConnector


def session_of(proxy, context):
    if proxy.startswith("socks5h"):
        connector = ProxyConnector.from_url(proxy.replace("socks5h", "socks5"), rdns=True, ssl=context)
        return aiohttp.ClientSession(connector=connector)
    plain = None if proxy == "none" else proxy
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context), proxy=plain)


async def main():
    proxy, url, rounds, count, ca = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    context = ssl.create_default_context(cafile=ca)
    for _ in range(rounds):
        async with session_of(proxy, context) as session:
            for page in range(count):
                async with session.get(f"{url}?{page}") as response:
                    response.raise_for_status()
                    await response.read()
    print(json.dumps({"requests": rounds * count}))


asyncio.run(main())
