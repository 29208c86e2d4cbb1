"""Every picture of the pages has a text for those who do not see it."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.rst") if "auto_examples" not in path.parts)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_pictures_have_alternative_texts(page):
    text = page.read_text()
    for found in re.finditer(r"^( *)\.\. (plot|image|figure)::.*\n((?:\1   :.*\n)*)", text, re.M):
        assert re.search(r":alt: \S+ \S+", found[3]), found[0]
