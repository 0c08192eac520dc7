"""HTTP/2 on one connection by httpx: h2_kept.py URL ROUNDS AT_ONCE WHEN.

If WHEN is `told` and not `now`, it makes three requests first, says `ready` and waits for SIGUSR2. Then ROUNDS times AT_ONCE
requests.
"""

import asyncio
import json
import signal
import ssl
import sys

import httpx

URL, ROUNDS, AT_ONCE, WHEN = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


def context():
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


async def get(client):
    response = await client.get(URL)
    assert response.http_version == "HTTP/2", response.http_version


async def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    async with httpx.AsyncClient(http2=True, verify=context()) as client:
        if WHEN == "told":
            for _ in range(3):
                await get(client)
            print("ready", flush=True)
            signal.sigwait([signal.SIGUSR2])
        for _ in range(ROUNDS):
            await asyncio.gather(*[get(client) for _ in range(AT_ONCE)])
    print(json.dumps({"requests": ROUNDS * AT_ONCE + (3 if WHEN == "told" else 0)}))


asyncio.run(main())
