"""Visit every page of a web site, politely: one page at a time, and each page once.

    conveyor work --app crawler:app                         in one terminal, in the folder of this file
    python crawler.py http://localhost:8000/                in another one

Each page is a job, and its id is made from its address. A page that is linked from many others is pushed many times and
stored once. The links of a page are pushed with its completion: a page that fails leaves no half of its links behind.
"""

from __future__ import annotations

import sys
import time
from html.parser import HTMLParser
from http import HTTPStatus
from urllib.error import HTTPError
from urllib.parse import urldefrag, urljoin, urlsplit
from urllib.request import urlopen
from uuid import NAMESPACE_URL, UUID, uuid5

from conveyor import Cancel, Conveyor, ExponentialBackoff, JobFailed, JobPayload, Retry, current_job

PAUSE = 0.05
"""Seconds between two pages. The worker runs one job at a time, so that is the pace of the whole crawl."""

app = Conveyor()


@app.job("page.visit", queue="pages", timeout=30, retry=ExponentialBackoff(max_attempts=5, base=1, retry_on=OSError))
def visit(address: str) -> list[str]:
    """Read a page, push the pages of this site that it links to, and answer their addresses."""
    time.sleep(PAUSE)
    try:
        with urlopen(address, timeout=10) as answer:  # noqa: S310 - the address is one that the user names
            text = answer.read().decode(errors="replace")
    except HTTPError as error:
        if error.code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise Cancel(f"there is no page {address}") from error
        if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
            raise Retry(after=float(error.headers.get("Retry-After", 5))) from error
        raise
    links = Links(address)
    links.feed(text)
    for link in links.found:
        current_job().push(JobPayload(visit.call(link), id=page_id(link)))
    return links.found


class Links(HTMLParser):
    """The addresses on the same site that a page links to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._page = page
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href")
        if tag == "a" and target is not None:
            address = urldefrag(urljoin(self._page, target)).url
            if urlsplit(address).netloc == urlsplit(self._page).netloc and address not in self.found:
                self.found.append(address)


def page_id(address: str) -> UUID:
    return uuid5(NAMESPACE_URL, address)


def main(start: str) -> None:
    visit.options(id=page_id(start)).push(start)
    known, coming = {start}, [start]
    while coming:
        address = coming.pop(0)
        handle = app.handle(page_id(address))
        try:
            links: list[str] = handle.result(timeout=60)
        except JobFailed as failure:
            print(f"{urlsplit(address).path}  {failure.status}")
            continue
        print(f"{urlsplit(address).path}  {len(links)} links, attempt {handle.info.attempt}")
        coming += [link for link in links if link not in known]
        known.update(links)


if __name__ == "__main__":
    main(*sys.argv[1:])
