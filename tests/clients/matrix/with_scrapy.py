"""Scrapy: with_scrapy.py PROXY URL ROUNDS COUNT CA HTTP; one spider, as many requests at once as rounds."""

import json
import sys

import scrapy
from scrapy.crawler import CrawlerProcess

PROXY, URL, ROUNDS, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
answered = []


class Pages(scrapy.Spider):
    """A spider that asks for numbered pages."""

    name = "pages"

    async def start(self):
        meta = {} if PROXY == "none" else {"proxy": PROXY}
        for page in range(ROUNDS * COUNT):
            yield scrapy.Request(f"{URL}?{page}", meta=dict(meta), dont_filter=True)

    def parse(self, response):
        answered.append(response.status)


process = CrawlerProcess(
    {
        "CONCURRENT_REQUESTS": ROUNDS,
        "DOWNLOAD_DELAY": 0,
        "CONCURRENT_REQUESTS_PER_DOMAIN": ROUNDS,
        "LOG_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "TELNETCONSOLE_ENABLED": False,
    }
)
process.crawl(Pages)
process.start()
print(json.dumps({"requests": answered.count(200)}))
