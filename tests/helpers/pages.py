"""What an interactive page holds, read back without a browser."""

import base64
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np


class _Links(HTMLParser):
    """The files that elements of a page name, and how many elements of each kind there are."""

    def __init__(self):
        super().__init__()
        self.links = []
        self.tags = []
        self.ids = set()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids |= {value for name, value in attrs if name == "id"}
        self.links += [value for name, value in attrs if name in ("src", "href", "data", "action")]


def elements(path):
    """Return the parsed elements of a page."""
    parser = _Links()
    parser.feed(Path(path).read_text(encoding="utf-8"))
    return parser


def read_page(path):
    """Return what a page knows, its arrays in place of where they are."""
    text = Path(path).read_text(encoding="utf-8")
    data = re.search(r'<script id="data" type="text/plain">([A-Za-z0-9+/=]*)</script>', text)[1]
    whole = zlib.decompress(base64.b64decode(data))
    length = int.from_bytes(whole[:4], "little")
    page = json.loads(whole[4 : 4 + length])

    def take(place):
        dtype, at, size = place
        assert (4 + length + at) % 8 == 0
        return np.frombuffer(whole, dtype, size, 4 + length + at)

    for name in ("x", "y"):
        page[name] = take(page[name])
    if isinstance(page["ids"], dict):
        page["ids"] = take(page["ids"]["data"]).tolist()
    for column in page["columns"]:
        column["data"] = take(column["data"])
    if page["thumbnails"]:
        images = page["thumbnails"]
        shape = (-1, images["height"], images["width"], images["channels"])
        images["data"] = take(images["data"]).reshape(shape)
    return page


def shown(column):
    """Return what a page says of each row of a column."""
    if column["kind"] == "classes":
        return [column["names"][code] for code in column["data"]]
    return column["data"].tolist()
