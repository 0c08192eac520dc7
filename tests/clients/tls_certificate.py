"""TLS with a client certificate: tls_certificate.py HOST PORT NAME CA VERSION COUNT.

CERTIFICATE and KEY are in the environment. Each connection sends one request and reads to the end.
"""

import json
import os
import socket
import ssl
import sys


def main():
    host, port, name, ca, version, count = sys.argv[1:7]
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(os.environ["CERTIFICATE"], os.environ["KEY"])
    number = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    context.minimum_version = context.maximum_version = number
    for _ in range(int(count)):
        with context.wrap_socket(socket.create_connection((host, int(port))), server_hostname=name) as tls:
            tls.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while tls.recv(4096):
                pass
    print(json.dumps({"connections": int(count), "full": int(count)}))


main()
