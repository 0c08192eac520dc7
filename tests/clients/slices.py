"""Reads each response in slices and works between them: slices.py HOST PORT REQUESTS SLICE_BYTES WORK_MS

The next request follows at once. The last line has the shortest and the longest time from a request to the read of its
last byte, and the longest time from there to the next request, ns.
"""

import json
import socket
import sys
import time

host, port, requests, slice_bytes, work_ms = sys.argv[1], *map(int, sys.argv[2:])
connection = socket.create_connection((host, port))
times, gaps, over = [], [], None
for _ in range(requests):
    begin = time.monotonic_ns()
    if over is not None:
        gaps.append(begin - over)
    connection.sendall(b"GET /body HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
    got = connection.recv(slice_bytes)
    while b"\r\n\r\n" not in got:
        got += connection.recv(slice_bytes)
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    left = length - len(body)
    while left:
        time.sleep(work_ms / 1000)
        left -= len(connection.recv(min(left, slice_bytes)))
    over = time.monotonic_ns()
    times.append(over - begin)
print(json.dumps({"shortest_ns": min(times), "longest_ns": max(times), "gap_ns": max(gaps)}))
