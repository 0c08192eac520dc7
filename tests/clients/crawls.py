"""A crawl over TLS for so many seconds: crawls.py PORT THREADS SECONDS HABIT; HABIT is `kept` or `new` connections."""

import http.client
import json
import ssl
import sys
import threading
import time

PORT, THREADS, SECONDS, HABIT = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
END = time.monotonic() + SECONDS
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CONTEXT.check_hostname, CONTEXT.verify_mode = False, ssl.CERT_NONE
requests = []


def crawl():
    connection = None
    while time.monotonic() < END:
        if connection is None:
            connection = http.client.HTTPSConnection("localhost", PORT, context=CONTEXT)
        connection.request("GET", "/")
        connection.getresponse().read()
        requests.append(1)
        if HABIT == "new":
            connection.close()
            connection = None
    if connection:
        connection.close()


threads = [threading.Thread(target=crawl) for _ in range(THREADS)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"requests": len(requests)}))
