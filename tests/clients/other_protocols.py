"""Clients of protocols other than HTTP beside pages: other_protocols.py PAGES PAGE_URL PROTOCOL PORT [COMMAND...].

A thread gets PAGES pages on one connection. Meanwhile the client of the protocol is used: smtp, starttls,
ftp-up, ftp-down and mysql by Python's libraries, three sessions each; command runs what follows, with its output left out. Prints the pages, and the sessions and
the connections of the protocol.
"""

import ftplib
import http.client
import io
import json
import smtplib
import ssl
import subprocess
import sys
import threading
from urllib.parse import urlsplit

PAGES, URL, PROTOCOL, PORT, COMMAND = int(sys.argv[1]), urlsplit(sys.argv[2]), sys.argv[3], int(sys.argv[4]), sys.argv[5:]
SESSIONS = 3
HOST = "127.0.0.1"
LETTER = "Subject: GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: nobody.test\r\n\r\n"


def pages():
    connection = http.client.HTTPConnection(URL.hostname, URL.port)
    for _ in range(PAGES):
        connection.request("GET", "/")
        connection.getresponse().read()
    connection.close()


def smtp(is_secure=False):
    with smtplib.SMTP(HOST, PORT) as client:
        if is_secure:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            client.starttls(context=context)
        for _ in range(2):
            client.sendmail("a@mail.test", ["b@mail.test"], LETTER)
    return 1


def ftp(is_upload):
    with ftplib.FTP() as client:
        client.connect(HOST, PORT)
        client.login("user", "secret")
        if is_upload:
            client.storbinary("STOR upload", io.BytesIO(b"y" * 30_000))
        else:
            client.retrbinary("RETR page", lambda block: None)
    # The control connection, and one for the transfer.
    return 2


def mysql():
    import pymysql

    client = pymysql.connect(host=HOST, port=PORT, user="user", password="secret")
    with client.cursor() as cursor:
        for _ in range(3):
            cursor.execute("SELECT length('GET / HTTP/1.1')")
            assert cursor.fetchall()
    client.close()
    return 1


def command():
    subprocess.run(COMMAND, stdout=subprocess.DEVNULL, check=True)
    return 1


def main():
    use = {
        "smtp": smtp,
        "starttls": lambda: smtp(True),
        "ftp-up": lambda: ftp(True),
        "ftp-down": lambda: ftp(False),
        "mysql": mysql,
        "command": command,
    }[PROTOCOL]
    thread = threading.Thread(target=pages)
    thread.start()
    connections = sum(use() for _ in range(SESSIONS))
    thread.join()
    print(json.dumps({"pages": PAGES, "sessions": SESSIONS, "connections": connections}))


main()
