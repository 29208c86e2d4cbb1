"""What a notebook and a prompt show of maps, estimators, diagnostics and pictures."""

import copy
import pickle
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from tsnekit import TSNE
from tsnekit.diagnostics import diagnose
from tsnekit.sklearn import TSNE as Transformer  # noqa: N811

PNG = b"\x89PNG"
QUICK = {"n_iter": 30, "early_exaggeration_iter": 20, "perplexity": 5, "random_state": 0}


@pytest.fixture(scope="module")
def embedding(blobs):
    return TSNE(**QUICK).fit(blobs[:200])


@pytest.fixture(scope="module")
def placed(embedding, blobs):
    return embedding.transform(blobs[200:], n_iter=5)


def test_text_is_one_line(embedding, placed):
    assert repr(embedding) == "<TSNEEmbedding: 200 points in 2-D, 50 iterations>"
    assert repr(placed) == "<PartialTSNEEmbedding: 100 points placed on 200 in 2-D, 5 iterations>"
    report = diagnose(embedding)
    assert re.fullmatch(
        r"<Diagnostics: 200 points, [\d.]+% of 10 neighbors kept, trustworthiness [\d.]+, "
        r"KL divergence [\d.]+>",
        repr(report),
    )
    assert repr(Transformer(perplexity=5)) == "TSNE(perplexity=5)"


def test_positions_are_shown_as_before(embedding):
    positions = np.asarray(embedding)
    assert str(embedding) == str(positions)
    assert repr(embedding[:2]) == repr(positions[:2])
    # Such an array has a class and positions, and nothing else.
    assert repr(np.ndarray.view(embedding)).startswith("TSNEEmbedding([[")
    assert np.ndarray.view(embedding)._repr_html_() is None


def test_html(embedding, placed):
    for each, title in ((embedding, "TSNEEmbedding: 200 points"), (placed, "100 points placed on")):
        shown = each._repr_html_()
        assert title in shown
        assert shown.count("data:image/png;base64,") == 1
        assert "seconds" in shown
    assert "momentum, the default" in embedding._repr_html_()
    shown = diagnose(embedding)._repr_html_()
    assert "trustworthiness" in shown
    assert "<img" not in shown
    assert "TSNE" in Transformer()._repr_html_()


@pytest.mark.parametrize("n_components", [1, 3, 4])
def test_html_in_other_dimensions(blobs, n_components):
    model = TSNE(n_components=n_components, **QUICK | {"n_iter": 2})
    assert "data:image/png" in model.fit(blobs[:60])._repr_html_()


def test_html_escapes_names(blobs):
    from tsnekit._util.html import description

    assert description("a<b", {"x&y": "<script>"}).count("<script>") == 0


def test_pictures_show_themselves(embedding, placed, blobs):
    labels = np.arange(200) % 3
    report = diagnose(embedding).plot()
    three = TSNE(n_components=3, **QUICK | {"n_iter": 2}).fit(blobs[:60]).plot()
    for shown in (embedding.plot(labels), placed.plot(reference=True), report, three):
        assert shown._repr_png_().startswith(PNG)
    given = Figure().subplots()
    assert not hasattr(embedding.plot(labels, ax=given), "_repr_png_")


def test_pictures_can_be_copied_and_pickled(embedding):
    ax = embedding.plot()
    for other in (pickle.loads(pickle.dumps(ax.figure)), copy.deepcopy(ax.figure)):
        assert other._repr_png_().startswith(PNG)


def test_in_ipython(embedding):
    formatters = pytest.importorskip("IPython.core.formatters")
    formatter = formatters.DisplayFormatter()
    shown, _ = formatter.format(embedding.plot(np.arange(200) % 3))
    assert shown["image/png"]
    shown, _ = formatter.format(embedding)
    assert shown["text/plain"] == repr(embedding)
    assert shown["text/html"] == embedding._repr_html_()
