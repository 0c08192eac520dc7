"""aiosmtpd: smtp.py PORT [cert=FILE key=FILE]; with them it offers STARTTLS. Prints `mail` for each message, `secure` for one over TLS."""

import asyncio
import ssl
import sys

from aiosmtpd.smtp import SMTP

OPTIONS = dict(argument.split("=", 1) for argument in sys.argv[2:])


class Handler:
    async def handle_DATA(self, server, session, envelope):
        line = "secure" if session.ssl else "mail"
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        return "250 kept"


def make():
    context = None
    if OPTIONS:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(OPTIONS["cert"], OPTIONS["key"])
    return SMTP(Handler(), hostname="mail.test", tls_context=context)


async def main():
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())
