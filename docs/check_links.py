"""Check a built site: ``python docs/check_links.py docs/_build/html``.

Every link and every picture leads to a file of the site, every anchor to an element of its page,
and nothing that a browser fetches by itself lies elsewhere. Links to other sites are counted and
not followed.
"""

import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

FETCHED = {
    "script": ["src"],
    "link": ["href"],
    "img": ["src", "srcset"],
    "iframe": ["src"],
    "source": ["src", "srcset"],
    "object": ["data"],
}


class Page(HTMLParser):
    """What a page links to, fetches and has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.anchors = {"", "top"}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the attributes of a tag."""
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and found.get("rel") in ("canonical", "next", "prev"):
            return
        for name in FETCHED.get(tag, []):
            self.fetched += [part.split()[0] for part in found.get(name, "").split(",") if part]


def check(site: Path) -> tuple[list[str], Counter]:
    """Return what is wrong, and how many links there are of each kind."""
    pages = {
        path: Page(path)
        for path in sorted(site.rglob("*.html"))
        if path.relative_to(site).parts[0] != "_static"  # what the theme makes pages of
    }
    wrong, counts = [], Counter(pages=len(pages))
    for path, page in pages.items():
        here = path.relative_to(site)
        for address in [*page.links, *page.fetched]:
            parts = urlsplit(address)
            if parts.scheme == "data":
                continue
            if parts.scheme or parts.netloc:
                counts["links to other sites"] += 1
                if address in page.fetched:
                    wrong.append(f"{here} fetches {address}")
                continue
            counts["links"] += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                wrong.append(f"{here}: no file for {address}")
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                wrong.append(f"{here}: no anchor for {address}")
    for path in sorted(site.rglob("*.css")):
        for address in re.findall(r"url\(['\"]?([^'\")]+)", path.read_text(encoding="utf-8")):
            counts["files that styles fetch"] += 1
            parts = urlsplit(address)
            if parts.scheme != "data" and not (
                parts.path and not parts.netloc and (path.parent / unquote(parts.path)).is_file()
            ):
                wrong.append(f"{path.relative_to(site)} fetches {address}")
    return wrong, counts


def main() -> int:
    """Print what is wrong, and return whether anything is."""
    wrong, counts = check(Path(sys.argv[1]).resolve())
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(", ".join(f"{number} {what}" for what, number in counts.items()))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
