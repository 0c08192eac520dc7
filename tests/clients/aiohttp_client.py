"""aiohttp: aiohttp_client.py LIMIT URL COUNT CA; LIMIT is the connector's connection limit."""

import asyncio
import json
import ssl
import sys

import aiohttp


async def main():
    limit, url, count, ca = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    done = {"requests": 0, "connections": 0}

    async def created(session, context, params):
        done["connections"] += 1

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_end.append(created)
    connector = aiohttp.TCPConnector(limit=limit, ssl=ssl.create_default_context(cafile=ca))
    async with aiohttp.ClientSession(connector=connector, trace_configs=[trace]) as session:

        async def fetch():
            async with session.get(url) as response:
                response.raise_for_status()
                await response.read()
            done["requests"] += 1

        await asyncio.gather(*(fetch() for _ in range(count)))
    print(json.dumps(done))


asyncio.run(main())
