"""A crawl of a few hosts, each in a habit of its own: crawl.py PORT SLOW_PORT CA SECONDS"""

import http.client
import random
import socket
import ssl
import sys
import threading
import time

port, slow_port, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[4])
end = time.monotonic() + seconds
random.seed(1)
context = ssl.create_default_context(cafile=sys.argv[3])

# Host, port, workers, requests on a connection, whether sessions are resumed.
HABITS = [
    ("www.example.org", port, 4, 12, True),
    ("images.example.org", port, 4, 1, False),
    ("api.example.org", slow_port, 2, 5, True),
    ("cdn.example.net", port, 3, 40, True),
    ("tracker.example.com", port, 1, 1, True),
]
# Nobody has this name, and nobody listens here.
NO_NAME, NO_PLACE = "old.example.org", ("127.0.0.1", 8125)


class Connection(http.client.HTTPSConnection):
    session = None

    def connect(self):
        http.client.HTTPConnection.connect(self)
        self.sock = context.wrap_socket(
            self.sock, server_hostname=self.host, session=self.session
        )


def work(host, port, requests, resumes):
    session = None
    while time.monotonic() < end:
        connection = Connection(host, port, timeout=20)
        connection.session = session
        for _ in range(requests):
            if time.monotonic() > end:
                break
            connection.request("GET", f"/page/{random.randrange(1000)}")
            connection.getresponse().read()
            time.sleep(random.expovariate(20))
        if resumes and connection.sock:
            session = connection.sock.session
        connection.close()
        print(f"{host}: {requests} pages", flush=True)


def fail():
    while time.monotonic() < end:
        for place in [(NO_NAME, port), NO_PLACE]:
            try:
                socket.create_connection(place).close()
            except OSError as error:
                print(place[0], error, file=sys.stderr, flush=True)
        time.sleep(2)


threads = [
    threading.Thread(target=work, args=(host, port, requests, resumes))
    for host, port, workers, requests, resumes in HABITS
    for _ in range(workers)
]
threads.append(threading.Thread(target=fail))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
