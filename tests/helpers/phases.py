"""Phases of some digits on a cluster."""

from helpers.blocks import on_cluster
from tsnekit._descent.course import Course
from tsnekit._descent.endings import FixedLength
from tsnekit._descent.parameters import DescentParameters
from tsnekit.interfaces import Phase
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer

ROWS = 600


def options(n_iter=30, exaggeration=4.0, ending=None, **parameters):
    """Return arguments of `run_phase`."""
    ending = FixedLength(n_iter) if ending is None else ending
    phase = Phase(
        name="early exaggeration",
        n_iter=ending.at_most,
        learning_rate=ROWS / exaggeration,
        momentum=0.8,
        exaggeration=exaggeration,
        max_step_norm=5.0,
    )
    return {
        "course": Course(phase=phase, ending=ending),
        "parameters": DescentParameters(negative_gradient_method="fft", **parameters),
        "optimizer": MomentumOptimizer(),
        "optimizer_state": {},
    }


def run(client, affinities, *, count=8, positions=None, **given):
    """Run a phase of the digits of the fixture `digits_affinities`."""
    from tsnekit.dask._run import run_phase

    path, _, start = affinities
    blocks, futures = on_cluster(client, path, ROWS, count)
    return run_phase(
        client,
        affinity_blocks=futures,
        blocks=blocks,
        positions=start if positions is None else positions,
        **options() | given,
    )
