"""POSTs with small bodies by httpx, which offers HTTP/2: small_posts.py URL FIRST LAST; a body for each length on one connection."""

import json
import ssl
import sys

import httpx

URL, FIRST, LAST = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with httpx.Client(http2=True, verify=context, trust_env=False) as client:
    for length in range(FIRST, LAST + 1):
        response = client.post(URL, content=b"x" * length)
        assert response.http_version == "HTTP/1.1", response.http_version
print(json.dumps({"requests": LAST + 1 - FIRST, "connections": 1}))
