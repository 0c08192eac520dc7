"""pyftpdlib: ftp.py PORT; prints `login`, `sent` and `received` for what its clients do."""

import os
import sys
import tempfile

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer

from wire import say


class Handler(FTPHandler):
    def on_login(self, username):
        say("login")

    def on_file_sent(self, file):
        say("sent")

    def on_file_received(self, file):
        say("received")


with tempfile.TemporaryDirectory() as place:
    with open(os.path.join(place, "page"), "wb") as page:
        page.write(b"x" * 50_000)
    Handler.authorizer = DummyAuthorizer()
    Handler.authorizer.add_user("user", "secret", place, perm="elrw")
    FTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
