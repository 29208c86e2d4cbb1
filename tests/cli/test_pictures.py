"""What a picture from the command line looks like."""

import re

import numpy as np
import pytest

from tsnekit.cli import main

QUICK = ["--perplexity=10", "--n-iter=20", "--early-exaggeration-iter=20", "--n-jobs=1", "--quiet"]


@pytest.fixture
def picture(tmp_path):
    """Return a function that draws iris and returns the picture as text."""

    def draw(*arguments, labels=None):
        path = tmp_path / "p.svg"
        if labels is not None:
            (tmp_path / "labels.txt").write_text("".join(f"{each}\n" for each in labels))
            arguments = (*arguments, "--labels", str(tmp_path / "labels.txt"))
        assert main(["embed", "iris", "--plot", str(path), *arguments, *QUICK]) == 0
        return path.read_text()

    return draw


@pytest.mark.parametrize(
    "palette", ["red,#00ff00,blue", "setosa=red,versicolor=#00ff00,virginica=blue"]
)
def test_palettes_of_classes(picture, palette):
    text = picture("--palette", palette)
    for color in ("#ff0000", "#00ff00", "#0000ff"):
        assert f"fill: {color}" in text


def test_palettes_of_numbers_and_of_values(picture):
    text = picture("--palette", "0=red,1=#00ff00,2=blue", labels=np.arange(150) % 3)
    assert "fill: #ff0000" in text
    assert "fill: #ff0000" not in picture("--palette", "viridis", labels=np.arange(150) / 7)


def test_legends(picture):
    assert picture("--legend", "map").count('id="text_') == 3
    assert "legend_1" in picture()
    assert "legend_1" not in picture("--legend", "map")
    text = picture("--legend", "none")
    assert "legend_1" not in text
    assert "setosa" not in text


def test_sizes(picture):
    def page(text):
        return [
            float(each)
            for each in re.search(r'width="([\d.]+)pt" height="([\d.]+)pt', text).groups()
        ]

    assert page(picture("--size", "3x2.5", "--legend=none")) == [216, 180]
    assert page(picture("--size", "3x2.5"))[0] > 216
    assert picture("--point-size", "90") != picture("--point-size", "9")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--palette", "no map"], "--palette must be the name of a colormap, got 'no map'"),
        (["--palette", "setosa=red"], "--palette has no color for the class 'versicolor'"),
        (["--palette", "setos=red"], "no class 'setos'; did you mean 'setosa'?"),
        (["--point-size", "0"], "--point-size must be greater than 0"),
    ],
)
def test_errors_come_before_the_map(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.setattr("tsnekit.TSNE.fit", None)
    assert main(["embed", "iris", "--plot", str(tmp_path / "p.png"), *arguments, *QUICK]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--palette", "a=red,blue"], "must be colors, or colors of classes"),
        (["--size", "6"], "must be a width and a height in inches such as 6x4, got '6'"),
        (["--size", "0x4"], "must be a width and a height"),
        (["--legend", "below"], "side, map or none, got 'below'"),
    ],
)
def test_usage_errors(capsys, arguments, message):
    with pytest.raises(SystemExit):
        main(["embed", "iris", *arguments])
    assert message in capsys.readouterr().err
