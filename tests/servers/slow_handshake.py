"""Pages over TLS, of which the handshakes take long: slow_handshake.py PORT cert=FILE key=FILE; prints `handshake` and its
nanoseconds for each."""

import http.server
import ssl
import sys
import time

OPTIONS = dict(argument.split("=", 1) for argument in sys.argv[2:])
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(OPTIONS["cert"], OPTIONS["key"])


class Page(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave as one.
    wbufsize = -1

    def setup(self):
        begun = time.monotonic_ns()
        time.sleep(0.2)
        self.request = CONTEXT.wrap_socket(self.request, server_side=True)
        # One write, so that lines of threads do not mix.
        sys.stdout.write(f"handshake {time.monotonic_ns() - begun}\n")
        sys.stdout.flush()
        super().setup()

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"page\n")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 100


Server(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
