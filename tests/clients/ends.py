"""Ways for requests and connections to end: ends.py HOW COUNT HOST PORT.

  idle      a request, its answer, 200 ms of silence, then the client closes
  abort     a request to a server that does not answer; the client gives up after 300 ms
  stale     a request, its answer, and a second request that the server answers by a reset
  unused    the connection is closed without a byte
  half      a request and at once the client's FIN; the server answers 100 ms later
  ports     connections are held until none can be opened any more; prints how many failed for want of a port
  hold      one connection used and idle, one used and closed by the server, one never used; until stdin ends
"""

import errno
import json
import socket
import sys
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: Ends.Example:80\r\n\r\n"


def connect(address):
    return socket.create_connection(address)


def ask(sock, request=REQUEST):
    sock.sendall(request)
    return sock.recv(65536)


def idle(address):
    with connect(address) as sock:
        ask(sock)
        time.sleep(0.2)


def abort(address):
    with connect(address) as sock:
        sock.settimeout(0.3)
        try:
            ask(sock)
        except TimeoutError:
            pass


def stale(address):
    with connect(address) as sock:
        ask(sock)
        try:
            ask(sock)
        except ConnectionResetError:
            pass


def unused(address):
    connect(address).close()


def half(address):
    with connect(address) as sock:
        sock.sendall(REQUEST)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass


def ports(address, count):
    held, failed = [], 0
    for _ in range(count):
        try:
            held.append(connect(address))
        except OSError as error:
            assert error.errno == errno.EADDRNOTAVAIL, error
            failed += 1
    return {"connected": len(held), "failed": failed}


def hold(address):
    sys.stdin.readline()
    used, left, never = connect(address), connect(address), connect(address)
    ask(used)
    ask(left, b"GET /close HTTP/1.1\r\nHost: ends.example\r\n\r\n")
    while left.recv(65536):
        pass
    print("held", flush=True)
    sys.stdin.readline()
    return [used, left, never]


def main():
    how, count, host, port = sys.argv[1:]
    address, count = (host, int(port)), int(count)
    if how == "ports":
        print(json.dumps(ports(address, count)))
        return
    if how == "hold":
        hold(address)
        return
    for _ in range(count):
        {"idle": idle, "abort": abort, "stale": stale, "unused": unused, "half": half}[how](address)
    print(json.dumps({"connections": count}))


main()
