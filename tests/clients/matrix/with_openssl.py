"""openssl s_client: with_openssl.py PROXY URL ROUNDS COUNT CA HTTP; a process for each round, which resumes the session of the first."""

import json
import os
import re
import subprocess
import sys
import tempfile
from urllib.parse import urlsplit


def ask(process, host, page, last):
    close = "Connection: close\r\n" if last else ""
    process.stdin.write(f"GET /?{page} HTTP/1.1\r\nHost: {host}\r\n{close}\r\n".encode())
    process.stdin.flush()
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = process.stdout.read(1)
        if not byte:
            raise SystemExit(f"the answer ended: {head}")
        head += byte
    length = int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head)[1])
    process.stdout.read(length)


def main():
    proxy, url, rounds, count, ca = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    host = urlsplit(url).netloc
    way = [] if proxy == "none" else ["-proxy", urlsplit(proxy).netloc]
    with tempfile.TemporaryDirectory() as directory:
        session = os.path.join(directory, "session")
        for _ in range(rounds):
            resumed = ["-sess_in", session] if os.path.exists(session) else ["-sess_out", session]
            command = ["openssl", "s_client", "-quiet", "-connect", host, "-servername", "localhost", "-CAfile", ca]
            process = subprocess.Popen(
                command + way + resumed, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            for page in range(count):
                ask(process, host, page, page == count - 1)
            process.wait(10)
    print(json.dumps({"requests": rounds * count}))


main()
