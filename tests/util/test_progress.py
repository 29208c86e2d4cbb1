"""What `verbose` shows, what it costs, and that nothing is shown without it."""

import io
import logging
import re

import numpy as np
import pytest

from tsnekit import TSNE
from tsnekit._descent.gradient import KLGradient
from tsnekit._util.process import show_logs
from tsnekit._util.progress import ProgressBar, progress, verbosely
from tsnekit.affinity import PerplexityBasedNN

QUICK = {"perplexity": 5, "random_state": 0}


@pytest.fixture
def evaluations(monkeypatch):
    """Return a list that grows with each evaluation of the KL divergence."""
    original, calls = KLGradient.kl_divergence, []

    def counted(self, Y):
        calls.append(original(self, Y))
        return calls[-1]

    monkeypatch.setattr(KLGradient, "kl_divergence", counted)
    return calls


def last_states(shown):
    """Return what each bar shows last, by description."""
    states = re.split(r"[\r\n]", shown)
    found = {}
    for state in states:
        description, colon, _ = state.partition(":")
        if colon and "it" in state:
            found[description.strip()] = state
    return found


def test_a_bar_for_each_phase_with_kl_and_pace(blobs, capfd, evaluations):
    model = TSNE(**QUICK, early_exaggeration_iter=60, n_iter=110, verbose=True)
    embedding = model.fit(blobs[:50])
    shown = capfd.readouterr()
    assert shown.out == ""
    bars = last_states(shown.err)
    # The bar shows the divergence of the last iteration, even if it is no multiple of 50.
    assert len(evaluations) == 5
    for name, total, error in (
        ("early exaggeration", 60, evaluations[1]),
        ("optimization", 110, evaluations[4]),
    ):
        assert f"{total}/{total}" in bars[name]
        assert f"KL {error:.4f}" in bars[name]
        assert re.search(r"[\d.]+ ?it/s", bars[name])
    assert evaluations[-1] == embedding.kl_divergence


def test_the_bar_asks_for_few_divergences(blobs, evaluations, capfd):
    model = TSNE(**QUICK, early_exaggeration_iter=0, n_iter=200, callbacks_every_iters=1)
    embedding = model.fit(blobs[:50])
    assert evaluations == []
    embedding.optimize(200, verbose=True)
    assert len(evaluations) == 4
    # The divergences for callbacks are shown, too, and are not computed twice.
    evaluations.clear()
    seen = []
    embedding.optimize(
        50, verbose=True, callbacks=lambda i, error, Y: seen.append(error), callbacks_every_iters=20
    )
    assert seen == evaluations[:2]
    assert len(evaluations) == 3


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_log_file_gets_a_line_for_each_phase_and_a_terminal_gets_bars(blobs, monkeypatch, stream):
    shown = stream()
    monkeypatch.setattr("sys.stderr", shown)
    TSNE(**QUICK, early_exaggeration_iter=60, n_iter=110, verbose=True).fit(blobs[:50])
    text = shown.getvalue()
    assert ("\r" in text) == (stream is Terminal)
    if stream is io.StringIO:
        progress = [line for line in text.splitlines() if re.search(r"\d iterations.*,", line)]
        assert [line.split(",")[0] for line in progress] == [
            "early exaggeration: 60/60 iterations",
            "optimization: 110/110 iterations",
        ]


def test_a_log_file_gets_a_line_now_and_then(monkeypatch, capfd):
    now = [0.0]
    monkeypatch.setattr("tsnekit._util.progress.time.monotonic", lambda: now[0])
    with ProgressBar("optimization", 100, shown=True) as bar:
        for _ in range(100):
            now[0] += 0.25
            bar.advance()
    lines = capfd.readouterr().err.splitlines()
    assert lines[0] == "optimization: 40/100 iterations, 10.0 s, 4 it/s"
    assert [line.split()[1] for line in lines] == ["40/100", "80/100", "100/100"]


def test_silence(blobs, capfd):
    embedding = TSNE(**QUICK, early_exaggeration_iter=5, n_iter=60).fit(blobs[:50])
    embedding.optimize(60, callbacks=lambda *arguments: None)
    embedding.transform(blobs[50:60])
    PerplexityBasedNN(blobs[:50], perplexity=5)
    assert capfd.readouterr() == ("", "")


def test_new_points_have_a_bar_too(blobs, capfd):
    embedding = TSNE(**QUICK, early_exaggeration_iter=5, n_iter=5).fit(blobs[:50])
    embedding.prepare_partial(blobs[50:60]).optimize(60, verbose=True)
    assert "KL" in last_states(capfd.readouterr().err)["optimization"]


def test_callbacks_that_end_a_phase_leave_its_bar_closed(blobs, capfd):
    TSNE(
        **QUICK,
        early_exaggeration_iter=0,
        n_iter=100,
        verbose=True,
        callbacks=lambda *arguments: True,
        callbacks_every_iters=30,
    ).fit(blobs[:50])
    shown = capfd.readouterr().err
    assert "30/100" in last_states(shown)["optimization"]
    assert shown.endswith("\n")


def test_logs_are_records_of_the_package(blobs, caplog):
    with caplog.at_level(logging.INFO, "tsnekit"):
        TSNE(**QUICK, early_exaggeration_iter=5, n_iter=5).fit(blobs[:50])
    assert caplog.records
    assert all(record.name.startswith("tsnekit.") for record in caplog.records)
    assert any("neighbors" in record.getMessage() for record in caplog.records)


def test_the_users_own_logging_is_not_doubled(blobs, capfd, caplog):
    with caplog.at_level(logging.INFO, "tsnekit"):
        TSNE(**QUICK, early_exaggeration_iter=5, n_iter=5, verbose=True).fit(blobs[:50])
    messages = [record.getMessage() for record in caplog.records]
    shown = capfd.readouterr().err
    assert any(message.startswith("affinities: ") for message in messages)
    assert "affinities: " not in shown


def test_loggers_are_as_they_were_also_after_an_error():
    logger = logging.getLogger("tsnekit")
    handlers, level, propagate = list(logger.handlers), logger.level, logger.propagate
    with pytest.raises(RuntimeError, match="on the way"), show_logs(True):
        raise RuntimeError("on the way")
    assert (list(logger.handlers), logger.level, logger.propagate) == (handlers, level, propagate)


def test_a_bar_that_is_not_shown_does_nothing(capfd):
    with ProgressBar("nothing", 3, shown=False) as bar:
        for iteration in (1, 2, 3):
            bar.advance()
            assert not bar.wants_error(iteration)
        bar.show_error(1.0)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("search", ["exact", "annoy", "forest", "hnsw"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_long_search_shows_its_steps(blobs, capfd, monkeypatch, search, n_jobs):
    monkeypatch.setattr("tsnekit._util.progress.LINE_EVERY", 0.0)
    for kind in ("annoy.AnnoySearch", "forest.ForestSearch", "hnsw.HNSWSearch"):
        for size in ("ROWS_PER_BLOCK", "ROWS_PER_CALL"):
            owner = f"tsnekit.plugins.neighbors.{kind}.{size}"
            monkeypatch.setattr(owner, 100, raising=False)
    monkeypatch.setattr("tsnekit.plugins.neighbors.exact.scan", slow_scan)
    X = np.random.default_rng(0).normal(size=(600, 4)).astype(np.float32)
    for verbose in (True, False):
        PerplexityBasedNN(X, 20, method=search, n_jobs=n_jobs, verbose=verbose)
        shown = capfd.readouterr().err
        steps = re.findall(r"^neighbors: [a-z ]+: (\d+)/\d+ (?:rows|nodes), ", shown, re.MULTILINE)
        assert bool(steps) == verbose


def slow_scan(queries, rows, metric, k, n_jobs, *, first=-1):
    from tsnekit.plugins.neighbors._rows.lists import scan
    from tsnekit.toolkit import shown_blocks

    list(shown_blocks(len(queries), 100, "measuring every pair"))
    return scan(queries, rows, metric, k, n_jobs, first=first)


def test_a_short_step_leaves_nothing(capfd):
    with verbosely(True), progress("neighbors: a step", 10) as bar:
        bar.advance(10)
    with progress("neighbors: not verbose", 10) as bar:
        bar.advance(5)
    assert capfd.readouterr().err == ""
