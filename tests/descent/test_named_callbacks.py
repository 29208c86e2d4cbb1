"""Callbacks by their names: built once for a fit, with options, also on the command line."""

import numpy as np
import pytest
from sklearn.base import clone

from tsnekit import TSNE
from tsnekit._facade.phases import checked_parameters
from tsnekit.callbacks import KLHistory, StopOnConvergence, TimeLimit, check_callbacks
from tsnekit.cli import main
from tsnekit.diagnostics import diagnose
from tsnekit.errors import UnknownPluginError

QUICK = {"early_exaggeration_iter": 5, "n_iter": 5, "random_state": 0, "perplexity": 10}

PLUGIN = """
from tsnekit.hookspecs import hookimpl
from tsnekit.specs import CallbackSpec

made = []

@hookimpl
def tsnekit_callbacks():
    yield CallbackSpec(name="count", factory=f"{__name__}:Count")
    yield CallbackSpec(name="broken", factory=f"{__name__}:broken")

class Count:
    def __init__(self, stop_at=100, *, step=1):
        self.calls, self.stop_at, self.step = 0, stop_at, step
        made.append(self)

    def __call__(self, iteration, error, embedding):
        self.calls += self.step
        return self.calls >= self.stop_at

def broken():
    return 3
"""


@pytest.fixture
def plugin(install_plugin):
    return install_plugin(PLUGIN)


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        ("stop_on_convergence", [StopOnConvergence]),
        (("time_limit", {"seconds": 60}), [TimeLimit]),
        (
            ["kl_history", ("time_limit", {"seconds": 1}), print],
            [KLHistory, TimeLimit, type(print)],
        ),
        (("kl_history", "stop_on_convergence"), [KLHistory, StopOnConvergence]),
    ],
)
def test_names_stand_for_callbacks(given, kinds):
    built = check_callbacks(given)
    assert [type(each) for each in built] == kinds
    assert all(a is b for a, b in zip(check_callbacks(built), built, strict=True))


def test_options_reach_the_callback():
    [stop] = check_callbacks(("stop_on_convergence", {"tolerance": 0.5, "patience": 7}))
    assert (stop.tolerance, stop.patience) == (0.5, 7)


def test_both_phases_of_a_fit_share_one(plugin, blobs):
    model = TSNE(**QUICK, callbacks=["count", ("kl_history", {})], callbacks_every_iters=1)
    embedding = model.fit(blobs[:60])
    used = max(plugin.made, key=lambda each: each.calls)
    assert used.calls == 10
    callbacks = embedding.gradient_descent_params["callbacks"]
    assert callbacks[0] is used
    assert len(diagnose(embedding).kl_errors) == 10
    assert clone(model).callbacks == model.callbacks == ["count", ("kl_history", {})]
    again = model.fit(blobs[:60])
    assert again.gradient_descent_params["callbacks"][0] is not used
    assert used.calls == 10
    np.testing.assert_array_equal(again, embedding)


def test_they_end_a_phase(plugin, blobs):
    model = TSNE(**QUICK, callbacks=("count", {"stop_at": 3}), callbacks_every_iters=1)
    embedding = model.fit(blobs[:60])
    assert embedding.state.iteration == 3
    assert embedding.endings["early exaggeration"].reason == "a callback ended it"
    longer = embedding.optimize(20, callbacks=("count", {"step": 2, "stop_at": 8}))
    assert longer.state.iteration == 3 + 4


@pytest.mark.parametrize(
    ("error", "message", "given"),
    [
        (UnknownPluginError, "callbacks='time_limt' .* did you mean 'time_limit'", "time_limt"),
        (TypeError, "'time_limit' needs the option 'seconds'", "time_limit"),
        (
            TypeError,
            "'second' is not an option of callback 'time_limit'",
            ("time_limit", {"second": 1}),
        ),
        (ValueError, "seconds must be", ("time_limit", {"seconds": -1})),
        (TypeError, "callbacks must be a callable, a name", [3]),
        (TypeError, "callbacks must be a callable, a name", 3),
        (TypeError, "'broken' of tsnekit-mine 0.1 makes 3, which cannot be called", "broken"),
    ],
)
def test_bad_names_and_options(plugin, blobs, error, message, given):
    with pytest.raises(error, match=message):
        TSNE(**QUICK, callbacks=given).fit(blobs[:60])
    with pytest.raises(error, match=message):
        check_callbacks(given)


def test_on_the_command_line(plugin, blobs, tmp_path, capsys):
    np.save(tmp_path / "X.npy", blobs[:60])
    command = ["embed", str(tmp_path / "X.npy"), "--quiet", "--n-iter", "9", "--perplexity", "10"]
    command += ["--early-exaggeration-iter", "9", "--callbacks-every-iters", "2"]
    assert main([*command, "--callback", "count", "stop_at=2", "--callback", "kl_history"]) == 0
    assert max(each.calls for each in plugin.made) == 2
    assert main([*command, "--callback", "cont"]) == 2
    assert "did you mean 'count'" in capsys.readouterr().err
    assert main([*command, "--callback", "count", "stop_at"]) == 2
    assert "must be of the form KEY=VALUE" in capsys.readouterr().err


def test_on_a_cluster_they_are_the_same_parameter():
    pytest.importorskip("distributed", reason="dask and distributed are missing")
    from tsnekit import dask

    early, final = checked_parameters(dask.TSNE(callbacks="kl_history"))
    assert early.callbacks[0] is final.callbacks[0]
