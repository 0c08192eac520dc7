"""An HTTPS site of linked pages. Prints its port, then serves until it is killed.

origin.py KEY CERTIFICATE PAGES
"""

import http.server
import ssl
import sys

PAGES = int(sys.argv[3])


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body leave in one packet: Nagle's algorithm would hold the body back for the client's delayed ACK.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        page = self.path.strip("/")
        links = "".join(f'<a href="/{n}">page {n}</a>\n' for n in range(PAGES)) if page == "0" else ""
        body = f"<title>page {page}</title>\n{links}{'words ' * 400}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


class Origin(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_):
        pass


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[1])
origin = Origin(("127.0.0.1", 0), Site)
origin.socket = context.wrap_socket(origin.socket, server_side=True)
print(origin.server_address[1], flush=True)
origin.serve_forever()
