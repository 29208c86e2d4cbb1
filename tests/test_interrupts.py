"""Ctrl-C in every phase: the work ends soon, and what the user has is whole."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals")

START = """
import json, signal, sys, time, threading, warnings
import numpy as np
warnings.simplefilter("ignore")
signal.signal(signal.SIGINT, signal.default_int_handler)
import tsnekit, tsnekit.affinity, tsnekit.initialization
from tsnekit.affinity import Uniform, PerplexityBasedNN
from tsnekit.errors import InterruptedByUser
rng = np.random.default_rng(0)
n_jobs = 2
tells = False
def tell(*_):
    global tells
    if tells:
        print("ready", flush=True)
        tells = False
"""

END = """
before = X.copy()
if not tells:
    print("ready", flush=True)
try:
    while True:
        work()
except KeyboardInterrupt as interrupt:
    ended = time.time()
    final = getattr(interrupt, "final_embedding", None)
    print(json.dumps({
        "ended": ended,
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
from tsnekit.symmetrize import joint_affinities
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
tells = True
def work():
    embedding.extend(X[:500], n_iter=100_000, callbacks=tell)
""",
    "callbacks": FIT.format(method="bh")
    + """
def work():
    embedding.optimize(100_000, callbacks=[lambda i, e, y: time.sleep(0.01)])
""",
}
HAS_A_MAP = ("optimization", "transform", "extend", "callbacks")
# How long it may take; machines that test have other things to do as well.
SECONDS = 1.5


@pytest.mark.parametrize("phase", PHASES)
def test_ctrl_c(phase):
    code = START + PHASES[phase] + END
    with subprocess.Popen(
        [sys.executable, "-I", "-c", code], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.25)
        pressed = time.time()
        process.send_signal(signal.SIGINT)
        found = json.loads(process.stdout.readline())
        assert process.wait(timeout=20) == 0
    assert found["whole"]
    assert found["ended"] - pressed < SECONDS
    if phase.startswith(HAS_A_MAP):
        assert found["kind"] == "InterruptedByUser"
        assert found["map"]
