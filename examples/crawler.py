"""Visit every page of a web site, politely: one page at a time, in peace, and each page once.

    conveyor work --app crawler:app                         in one terminal, in the folder of this file
    python crawler.py http://localhost:8000/                in another one

Each page is a job, and its id is made from its address. A page that is linked from many others is pushed many times and
stored once. The links of a page are pushed with its completion: a page that fails leaves no half of its links behind.
All visits have one lock, so that the site has one visitor at a time, and a pause after each, with ten workers as with
one. How much of a page has come is the job's progress: see `conveyor progress`.
"""

from __future__ import annotations

import sys
import time
from html.parser import HTMLParser
from http import HTTPStatus
from itertools import count
from urllib.error import HTTPError
from urllib.parse import urldefrag, urljoin, urlsplit
from urllib.request import urlopen
from uuid import NAMESPACE_URL, UUID, uuid5

from conveyor import Cancel, Conveyor, ExponentialBackoff, JobFailed, JobPayload, Retry, current_job

PAUSE = 0.05
"""Seconds between two pages, whoever visits them."""

CHUNK = 65_536

app = Conveyor()


@app.job(
    "page.visit",
    queue="pages",
    timeout=30,
    lock="site",
    retry=ExponentialBackoff(max_attempts=5, base=1, retry_on=OSError),
)
def visit(address: str) -> list[str]:
    """Read a page, push the pages of this site that it links to, and answer their addresses."""
    links = Links(address)
    try:
        links.feed(read(address))
    except HTTPError as error:
        if error.code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
            raise Cancel(f"there is no page {address}") from error
        if error.code in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
            raise Retry(after=float(error.headers.get("Retry-After", 5))) from error
        raise
    finally:
        time.sleep(PAUSE)
    for link in links.found:
        current_job().push(JobPayload(visit.call(link), id=page_id(link)))
    return links.found


def read(address: str) -> str:
    with urlopen(address, timeout=10) as answer:  # noqa: S310 - the address is one that the user names
        length = int(answer.headers.get("Content-Length", 0)) or None
        text = b""
        while chunk := answer.read(CHUNK):
            text += chunk
            current_job().progress(len(text), length)
    return text.decode(errors="replace")


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
    for done in count(1):
        if not coming:
            break
        address = coming.pop(0)
        handle = app.handle(page_id(address))
        try:
            links: list[str] = handle.result(timeout=60)
        except JobFailed as failure:
            said, links = failure.status, []
        else:
            said = f"{len(links)} links, attempt {handle.info.attempt}"
        coming += [link for link in links if link not in known]
        known.update(links)
        print(f"{done} of {len(known)}  {urlsplit(address).path}  {said}")


if __name__ == "__main__":
    main(*sys.argv[1:])
