"""curl_cffi in the guise of Chrome: with_curl_cffi.py PROXY URL ROUNDS COUNT CA HTTP; a session for each round."""

import json
import sys

from curl_cffi import CurlHttpVersion, CurlInfo, requests


def main():
    proxy, url, rounds, count, ca = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    times = []
    for _ in range(rounds):
        session = requests.Session(
            impersonate="chrome",
            verify=ca,
            trust_env=False,
            http_version=CurlHttpVersion.V1_1,
            proxy=None if proxy == "none" else proxy,
            curl_infos=[CurlInfo.STARTTRANSFER_TIME, CurlInfo.PRETRANSFER_TIME],
        )
        with session:
            for page in range(count):
                response = session.get(f"{url}?{page}")
                response.raise_for_status()
                infos = response.infos
                took = infos[CurlInfo.STARTTRANSFER_TIME] - infos[CurlInfo.PRETRANSFER_TIME]
                times.append(round(took * 1e9))
    print(json.dumps({"requests": rounds * count, "ttfb_ns": times}))


main()
