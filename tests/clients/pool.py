"""A pool of connections, each used once over TLS: pool.py PORT CONNECTIONS WHEN.

WHEN is `now`, or `told`: then the connections stay as they are, open and without a byte, until SIGUSR2. Says `open` once
all are open; at the end the number of requests.
"""

import json
import signal
import socket
import ssl
import sys
import threading

PORT, CONNECTIONS, WHEN = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
PAGE = 2000
done = []


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


CONTEXT = context()


def use(connection):
    tls = CONTEXT.wrap_socket(connection, server_hostname="pool.test")
    tls.sendall(b"GET / HTTP/1.1\r\nHost: pool.test\r\n\r\n")
    got = 0
    while got < PAGE:
        got += len(tls.recv(65536))
    tls.close()
    done.append(1)


def main():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    connections = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(CONNECTIONS)]
    print("open", flush=True)
    if WHEN == "told":
        signal.sigwait([signal.SIGUSR2])
    threads = [threading.Thread(target=use, args=(connection,)) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"requests": len(done)}))


main()
