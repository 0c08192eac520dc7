"""Lookups: lookups.py MODE ARGUMENT...

resolve NAME...                the system's resolver, A and AAAA together
pause SECONDS NAME...          the same, with a pause after each
stream NAME...                 queries of type A on one TCP connection to the first server of resolv.conf
streams SERVER NAME FILE       opens a TCP connection, says so, asks on it once the file is there, then on one to port 853
hold SERVER NAME FILE          connects a socket, says so, asks once the file is there
flood SERVER ROUNDS            in each round 64 queries at once, each on a socket of its own, then their answers
raw HOW SERVER ID:NAME...      queries of type A on one socket; HOW is connected or addressed. `-` in front of
                               a query: its answer is not waited for. `+`: a new socket first. `~`: a second passes.
"""

import json
import os
import socket
import sys
import time


def query(number, name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return number.to_bytes(2, "big") + b"\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"


def resolve(names, pause=0):
    done = 0
    for name in names:
        try:
            done += len({entry[4][0] for entry in socket.getaddrinfo(name, 80)})
        except socket.gaierror:
            pass
        time.sleep(pause)
    print(json.dumps({"addresses": done}))


def asks(sock, number, name):
    data = query(number, name)
    sock.sendall(len(data).to_bytes(2, "big") + data)
    # The length and the message may come apart.
    length = int.from_bytes(sock.recv(2, socket.MSG_WAITALL), "big")
    return sock.recv(length, socket.MSG_WAITALL)


def stream(names):
    with open("/etc/resolv.conf") as lines:
        server = next(line.split()[1] for line in lines if line.startswith("nameserver"))
    with socket.create_connection((server, 53)) as sock:
        answers = [asks(sock, number, name) for number, name in enumerate(names)]
    print(json.dumps({"answers": len(answers)}))


def streams(server, name, path):
    with socket.create_connection((server, 53)) as sock:
        asks(sock, 1, name)
        print("ready", flush=True)
        while not os.path.exists(path):
            time.sleep(0.01)
        asks(sock, 2, name)
        with socket.create_connection((server, 853)) as other:
            other.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            other.recv(4096)
    print(json.dumps({"answers": 2}))


def open_socket(how, server):
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(10)
    if how == "connected":
        sock.connect((server, 53))
        return sock, sock.send
    return sock, lambda data: sock.sendto(data, (server, 53))


def raw(how, server, queries):
    sock, send = open_socket(how, server)
    answers = 0
    for text in queries:
        marks = text[: len(text) - len(text.lstrip("-+~"))]
        number, name = text[len(marks) :].split(":")
        if "~" in marks:
            time.sleep(1)
        if "+" in marks:
            sock.close()
            sock, send = open_socket(how, server)
        send(query(int(number), name))
        if "-" not in marks:
            sock.recv(4096)
            answers += 1
    print(json.dumps({"answers": answers}))


def hold(server, name):
    sock, send = open_socket("connected", server)
    print("ready", flush=True)
    while not os.path.exists(sys.argv[-1]):
        time.sleep(0.01)
    send(query(1, name))
    sock.recv(4096)


def flood(server, rounds):
    opened = [open_socket("connected", server) for _ in range(64)]
    for number in range(rounds):
        for at, (_, send) in enumerate(opened):
            behaviour = ("ok", "ok", "nx", "fail")[at % 4]
            send(query(number % 65536, f"x{at}.{behaviour}.test"))
        for sock, _ in opened:
            sock.recv(4096)
    print(json.dumps({"answers": rounds * len(opened)}))


def main():
    mode, rest = sys.argv[1], sys.argv[2:]
    if mode == "resolve":
        resolve(rest)
    elif mode == "pause":
        resolve(rest[1:], float(rest[0]))
    elif mode == "stream":
        stream(rest)
    elif mode == "streams":
        streams(*rest)
    elif mode == "flood":
        flood(rest[0], int(rest[1]))
    elif mode == "hold":
        hold(rest[0], rest[1])
    else:
        raw(rest[0], rest[1], rest[2:])


main()
