"""Reads WARC files with warcio and prints one JSON object a record; fails where a digest does not fit."""

import hashlib
import json
import sys

from warcio.archiveiterator import ArchiveIterator


def main():
    for path in sys.argv[1:]:
        with open(path, "rb") as stream:
            for record in ArchiveIterator(stream, check_digests="raise"):
                body = record.content_stream().read()
                http = record.http_headers
                print(json.dumps({
                    "type": record.rec_type,
                    "url": record.rec_headers.get_header("WARC-Target-URI"),
                    "date": record.rec_headers.get_header("WARC-Date"),
                    "concurrent_to": record.rec_headers.get_header("WARC-Concurrent-To"),
                    "id": record.rec_headers.get_header("WARC-Record-ID"),
                    "profile": record.rec_headers.get_header("WARC-Profile"),
                    "payload_digest": record.rec_headers.get_header("WARC-Payload-Digest"),
                    "refers_to": record.rec_headers.get_header("WARC-Refers-To"),
                    "refers_to_url": record.rec_headers.get_header("WARC-Refers-To-Target-URI"),
                    "refers_to_date": record.rec_headers.get_header("WARC-Refers-To-Date"),
                    "truncated": record.rec_headers.get_header("WARC-Truncated"),
                    "status": http.get_statuscode() if http and record.rec_type in ("response", "revisit") else None,
                    "body_bytes": len(body),
                    "body_sha256": hashlib.sha256(body).hexdigest(),
                    "digest_checked": record.digest_checker.passed,
                }))


main()
