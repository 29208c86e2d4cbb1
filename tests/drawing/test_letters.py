"""Letters that the font does not have: drawn from another font, or marked, with one warning."""

import warnings

import numpy as np
import pytest

from tsnekit._drawing import letters
from tsnekit._drawing.plot import plot

# Linear B: few machines have a font with these letters.
NAMES = ["𐀀𐀁𐀂 a", "𐀃𐀄 b", "plain"]


@pytest.mark.parametrize("legend", ["side", "map"])
def test_letters_without_a_font_warn_once(legend, caplog, monkeypatch):
    has = letters._letters_of
    monkeypatch.setattr(
        letters,
        "_letters_of",
        lambda path: has(path) if "DejaVuSans" in path or "LastResort" in path else frozenset(),
    )
    Y = np.random.default_rng(0).normal(size=(90, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = plot(Y, np.array(NAMES)[np.arange(90) % 3], legend=legend)
        ax.figure.canvas.draw()
    assert caplog.text.count("no installed font has the letters") == 1
    texts = ax.get_legend().get_texts() if legend == "side" else ax.texts
    assert [text.get_text() for text in texts] == [
        "plain",
        "\ufffd\ufffd\ufffd a",
        "\ufffd\ufffd b",
    ]


def test_another_font_has_the_letters(monkeypatch):
    has = letters._letters_of
    monkeypatch.setattr(
        letters,
        "_letters_of",
        lambda path: frozenset("𐀀") if "Mono.ttf" in path else has(path) - {"𐀀"},
    )
    lines, font = letters.drawable(["𐀀 a", 3])
    assert lines == ["𐀀 a", "3"]
    assert font["family"][-2:] == ["DejaVu Sans Mono", "DejaVu Sans"]
    assert letters.drawable(["é ß ω"]) == (["é ß ω"], {})
