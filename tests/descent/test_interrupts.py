"""Ctrl-C in every phase: the work ends soon, and the map of the user is complete."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals")

# All times are processor times, which are not longer on a busy machine.
START = """
import json, os, signal, sys, time, threading, warnings
import numpy as np
warnings.simplefilter("ignore")
signal.signal(signal.SIGINT, signal.default_int_handler)
import tsnekit, tsnekit.affinity, tsnekit.initialization
from tsnekit.affinity import Uniform, PerplexityBasedNN
from tsnekit.errors import InterruptedByUser
from tsnekit.plugins.optimizers.momentum import MomentumOptimizer
rng = np.random.default_rng(0)
n_jobs = 2
started, pressed = threading.Event(), []
plain_step = MomentumOptimizer.step
def step(*args):
    started.set()
    plain_step(*args)
MomentumOptimizer.step = step
def press():
    started.wait()
    begun = time.process_time()
    while time.process_time() < begun + 0.25:
        time.sleep(0.001)
    pressed.append(time.process_time())
    os.kill(os.getpid(), signal.SIGINT)
"""

END = """
before = X.copy()
started.clear()
threading.Thread(target=press, daemon=True).start()
try:
    if not is_a_map:
        started.set()
    while True:
        work()
except KeyboardInterrupt as interrupt:
    taken = time.process_time() - pressed[0]
    final = getattr(interrupt, "final_embedding", None)
    print(json.dumps({
        "taken": taken,
        "whole": bool(np.array_equal(before, X)),
        "kind": type(interrupt).__name__,
        "map": None if final is None else bool(np.isfinite(final).all()),
    }))
"""

SEARCH = """
X = rng.normal(size=({n}, {p})).astype(np.float32)
def work():
    Uniform(X, k_neighbors=60, method="{name}", n_jobs=n_jobs, random_state=0)
"""

FIT = """
X = rng.normal(size=(3000, 10)).astype(np.float32)
model = tsnekit.TSNE(n_iter=0, early_exaggeration_iter=20, random_state=0, n_jobs=n_jobs,
                     neighbors="hnsw", negative_gradient_method="{method}", callbacks_every_iters=1)
embedding = model.fit(X)
"""

PHASES = {
    "exact search": SEARCH.format(name="exact", n=30_000, p=200),
    "annoy": SEARCH.format(name="annoy", n=30_000, p=50),
    "hnsw": SEARCH.format(name="hnsw", n=30_000, p=100),
    "affinities": """
X = np.sort(rng.gamma(5, size=(100_000, 90)), axis=1).astype(np.float32)
from tsnekit.plugins.affinities.perplexity import PerplexityKernel
def work():
    PerplexityKernel(perplexity=30).weights(X, n_jobs=n_jobs)
""",
    "symmetrization": """
X = ((np.arange(100_000)[:, None] + np.arange(1, 91)) % 100_000).astype(np.int32)
from tsnekit.affinity._matrix import joint_affinities
def work():
    joint_affinities(X, np.full(X.shape, 1 / 90, np.float32), n_jobs=n_jobs)
""",
    "pca": """
X = rng.normal(size=(100_000, 300)).astype(np.float32)
def work():
    tsnekit.initialization.pca(X, n_jobs=n_jobs)
""",
    "spectral": """
from scipy import sparse
X = rng.integers(0, 40_000, (40_000, 30))
A = sparse.csr_matrix((np.ones(X.size), (np.repeat(np.arange(40_000), 30), X.ravel())))
A = A + A.T
def work():
    tsnekit.initialization.spectral(A, tol=1e-7, n_jobs=n_jobs)
""",
    **{
        f"optimization, {method}": FIT.format(method=method)
        + """
def work():
    embedding.optimize(100_000, inplace=True)
"""
        for method in ("mesh", "fft", "bh", "exact")
    },
    "transform": FIT.format(method="mesh")
    + """
def work():
    embedding.transform(X, n_iter=100_000)
""",
    "extend": FIT.format(method="mesh")
    + """
def work():
    embedding.extend(X[:500], n_iter=100_000)
""",
    "callbacks": FIT.format(method="bh")
    + """
def work():
    embedding.optimize(100_000, callbacks=[lambda i, e, y: time.sleep(0.01)])
""",
}
HAS_A_MAP = ("optimization", "transform", "extend", "callbacks")
# How long two threads may go on after Ctrl-C, in seconds of processor time.
SECONDS = 2.0


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c(phase):
    """The process interrupts itself once the phase has begun and has worked for a while."""
    is_a_map = phase.startswith(HAS_A_MAP)
    code = f"{START}{PHASES[phase]}is_a_map = {is_a_map}{END}"
    command = [sys.executable, "-I", "-c", code]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=300)
    found = json.loads(done.stdout)
    assert found["whole"]
    assert found["taken"] < SECONDS
    if is_a_map:
        assert found["kind"] == "InterruptedByUser"
        assert found["map"]
