"""Pages to explore, as a headless Chromium shows them."""

import csv
import os
import shutil

import numpy as np
import pandas as pd
import pytest

from tsnekit._drawing.explorer import write_page

N = 40
# Points on a circle do not cover one another.
ANGLES = np.arange(N) * 2 * np.pi / N
Y = np.column_stack([np.cos(ANGLES), np.sin(ANGLES)])
NASTY = "<b>bold</b></script>"
OPTIONS = [
    "--no-sandbox", "--no-zygote", "--use-gl=angle", "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist",
]  # fmt: skip
PLACE = """row => {
  const map = document.getElementById("map"), {left, top} = map.getBoundingClientRect();
  const {xaxis: x, yaxis: y} = map._fullLayout;
  return [left + x._offset + x.l2p(page.x[row]), top + y._offset + y.l2p(page.y[row])];
}"""


def chromium():
    """Return the browser that TSNEKIT_CHROMIUM names, or that is installed."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = (shutil.which(name) for name in names)
    return os.environ.get("TSNEKIT_CHROMIUM") or next(filter(None, found), None)


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if chromium() is None:
        pytest.skip("there is no Chromium; TSNEKIT_CHROMIUM may name one")
    with api.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=chromium(), args=OPTIONS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "map.html"
    frame = pd.DataFrame(
        {"size": np.arange(N) + 0.5, "town": [NASTY if i == 3 else f"t{i % 5}" for i in range(N)]},
        index=[f'id "{i}"' for i in range(N)],
    )
    images = np.zeros((N, 3, 3), dtype=np.uint8)
    write_page(Y, path, np.array(["a", "b"])[np.arange(N) // 20], hover=frame, thumbnails=images)
    shown = browser.new_page(viewport={"width": 1100, "height": 750})
    shown.set_default_timeout(60_000)
    shown.errors, shown.requests = [], []
    shown.on("pageerror", lambda error: shown.errors.append(str(error)))
    shown.on("request", lambda request: shown.requests.append(request.url))
    shown.goto(path.as_uri())
    shown.wait_for_selector("body[data-ready=yes]")
    return shown


def test_it_loads_without_a_network(page):
    assert page.errors == []
    assert [url.partition(":")[0] for url in page.requests] == ["file"]
    assert page.inner_text("#count") == "40 of 40 points"


@pytest.mark.parametrize("row", [3, 17, 31])
def test_hover_shows_the_right_row(page, row):
    page.mouse.move(5, 5)
    page.mouse.move(*page.evaluate(PLACE, row))
    page.wait_for_function(f"document.getElementById('hover').innerText.includes('id \"{row}\"')")
    town = NASTY if row == 3 else f"t{row % 5}"
    cells = page.eval_on_selector_all("#hover td", "all => all.map(each => each.textContent)")
    assert cells == [
        "id",
        f'id "{row}"',
        "label",
        "ab"[row // 20],
        "size",
        str(row + 0.5),
        "town",
        town,
    ]
    assert page.locator("#hover canvas").count() == 1


def test_the_legend_filters(page):
    page.click("#legend > button >> nth=0")
    assert page.inner_text("#count") == "20 of 40 points"
    assert page.evaluate("traces[1].every(row => row >= 20)")
    page.click("#legend .row button >> nth=0")
    assert page.inner_text("#count") == "40 of 40 points"


def test_other_columns_give_colours(page):
    page.select_option("#by", label="size")
    colors = page.evaluate("document.getElementById('map').data[1].marker.color")
    assert {"#440154", "#fde725"} <= {*colors}
    page.select_option("#by", label="label")
    colors = page.evaluate("document.getElementById('map').data[1].marker.color")
    assert {*colors} == {"#0072b2", "#e69f00"}


def test_search(page):
    page.fill("#search", "T4")
    page.wait_for_function("document.getElementById('matches').innerText === '8 found'")
    assert page.inner_text("#download") == "Download ids of 8 rows"
    page.fill("#search", "")
    page.wait_for_function("document.getElementById('matches').innerText === ''")


def test_the_lasso_downloads_ids(page):
    page.evaluate("state.dragmode = 'lasso'; draw()")
    x, y = page.evaluate(PLACE, 10)  # the top of the circle
    page.mouse.move(x - 70, y - 15)
    page.mouse.down()
    for corner in ((70, -15), (70, 25), (-70, 25), (-70, -15)):
        page.mouse.move(x + corner[0], y + corner[1], steps=4)
    page.mouse.up()
    page.wait_for_function("!document.getElementById('download').disabled")
    chosen = page.evaluate("state.chosen")
    assert 10 in chosen
    assert len(chosen) < 10
    with page.expect_download() as download:
        page.click("#download")
    with open(download.value.path(), newline="") as file:
        assert list(csv.reader(file)) == [["id"], *([f'id "{row}"'] for row in chosen)]


def test_dark_and_light(page):
    before = page.evaluate("document.documentElement.dataset.theme")
    page.click("#theme")
    after = page.evaluate("document.documentElement.dataset.theme")
    assert {before, after} == {"dark", "light"}
    back = page.evaluate("document.getElementById('map').layout.paper_bgcolor")
    assert back == {"dark": "#14161a", "light": "#ffffff"}[after]
