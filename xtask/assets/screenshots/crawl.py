"""A crawl of a few hosts, each in a habit of its own. crawl.py ADDRESS PORT CA SECONDS"""

import http.client
import random
import socket
import ssl
import sys
import threading
import time

address, port, ca, seconds = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
end = time.monotonic() + seconds
random.seed(1)

# Host, workers, and requests on a connection.
HABITS = [
    ("www.example.org", 4, 12),
    ("images.example.org", 3, 1),
    ("api.example.org", 2, 5),
    ("cdn.example.net", 3, 30),
    ("tracker.example.com", 1, 1),
]

# No DNS server knows these hosts.
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest: resolve(address, *rest)


def work(host, requests):
    context = ssl.create_default_context(cafile=ca)
    page = 0
    while time.monotonic() < end:
        connection = http.client.HTTPSConnection(host, port, context=context, timeout=20)
        for _ in range(requests):
            page = (page + 1) % 1000
            connection.request("GET", f"/page/{page}")
            connection.getresponse().read()
            time.sleep(random.expovariate(20))
        connection.close()
        print(f"{host}: {requests} pages", flush=True)


threads = [
    threading.Thread(target=work, args=(host, requests))
    for host, workers, requests in HABITS
    for _ in range(workers)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
