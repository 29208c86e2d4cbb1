"""Undamaged files whose contents are wrong: each error says what is wrong."""

import numpy as np
import pytest
import scipy.sparse

import tsnekit
from helpers.saved import parts, put_together
from tsnekit import TSNE

QUICK = {"n_iter": 5, "early_exaggeration_iter": 5, "perplexity": 5, "random_state": 0}


@pytest.fixture(scope="module")
def fitted(blobs):
    return TSNE(**QUICK).fit(blobs[:60])


@pytest.fixture
def path(tmp_path, fitted):
    path = tmp_path / "map.tsne"
    fitted.save(path)
    return path


def refused(path, message):
    with pytest.raises(ValueError, match=message) as caught:
        tsnekit.load(path)
    assert str(path) in str(caught.value)


def edit(*keys, to):
    """Return a change of the header."""

    def change(header, arrays):
        for key in keys[:-1]:
            header = header[key]
        if to is Ellipsis:
            del header[keys[-1]]
        else:
            header[keys[-1]] = to

    return change


def fill(name, value):
    """Return a change of all numbers of an array."""
    return lambda header, arrays: arrays[name].fill(value)


def replace(name, change):
    """Return a change of an array."""
    return lambda header, arrays: arrays.update({name: change(arrays[name])})


def self_loop(neighbors):
    neighbors[3, 0] = 3
    return neighbors


def repeat(neighbors):
    neighbors[:, 1] = neighbors[:, 0]
    return neighbors


def one(value):
    def change(array):
        array.flat[1] = value
        return array

    return change


def annoy_in(metric):
    def change(header, arrays):
        index = header["affinities"]["index"]
        index["search"] = {"name": "annoy", "options": {}}
        index["problem"]["metric"] = metric

    return change


INDEX = ("affinities", "index")
PROBLEM = (*INDEX, "problem")
GENERATOR = {"bit_generator": "MT19937", "has_gauss": 0, "gauss": 0.0}


def mersenne(pos=0, fill=1, length=624, **others):
    key = {"array": [fill] * length, "dtype": "<u4"}
    state = {"mapping": {"key": key, "pos": pos}}
    return {"random_state": {"mapping": GENERATOR | {"state": state} | others}}


def pcg(inc=1, **others):
    state = {"mapping": {"state": 1, "inc": inc}}
    others = {"has_uint32": 0, "uinteger": 0} | others
    return {
        "random_state": {"mapping": GENERATOR | others | {"bit_generator": "PCG64", "state": state}}
    }


def nested(depth):
    """Return a list in lists, no deeper than what Python reads."""
    return [] if depth == 1 else [nested(depth - 1)]


CHANGES = {
    "later version": (edit("version", to=2), "by a later version of tsnekit: its format is 2"),
    "unknown kind": (edit("kind", to="check_real"), "kind has the unknown value 'check_real'"),
    "kind is a list": (edit("kind", to=[]), "kind must be a string"),
    "unknown field": (edit("more", to=1), "more is an unknown entry"),
    "no optimizer": (edit("optimizer", to=...), "optimizer is missing"),
    "optimizer gone": (edit("optimizer", "name", to="gone"), "optimizer='gone'"),
    "optimizer is text": (edit("optimizer", to="momentum"), "optimizer must be a mapping"),
    "optimizer option": (edit("optimizer", "options", "x", to=1), "does not have this option"),
    "iteration": (edit("iteration", to=-1), "iteration must be at least 0"),
    "huge iteration": (edit("iteration", to=2**80), "iteration must be at most"),
    "iteration is text": (edit("iteration", to="1"), "iteration must be an integer"),
    "seconds": (edit("seconds", to={"neighbors": "x"}), "seconds/neighbors must be a real number"),
    "seconds are NaN": (edit("seconds", to={"n": float("nan")}), "seconds/n must be finite"),
    "huge seconds": (edit("seconds", to={"n": 10**400}), "too large"),
    "backends": (edit("backends", to={"x": {}}), "backends/x is not one of"),
    "backend's name": (edit("backends", "optimizer", "name", to=1), "name must be a string"),
    "parameter unknown": (edit("parameters", "thet", to=1), "parameters: 'thet'"),
    "parameter": (edit("parameters", "theta", to=-1), "parameters: theta must be at least 0"),
    "parameter's type": (edit("parameters", "dof", to="x"), "parameters: dof must be a real"),
    "huge parameter": (edit("parameters", "dof", to=10**400), "dof: .* has more than 64 bits"),
    "huge grid": (edit("parameters", "min_num_intervals", to=2**63), "has more than 64 bits"),
    "n_jobs": (edit("parameters", "n_jobs", to=2**40), "n_jobs must be a number of threads"),
    "method": (edit("parameters", "negative_gradient_method", to=3), "must be a mapping"),
    "method gone": (
        edit(
            "parameters",
            "negative_gradient_method",
            to={"name": "gone", "distribution": "tsnekit", "version": None},
        ),
        "negative_gradient_method='gone'",
    ),
    "no distribution": (
        edit("optimizer", "distribution", to="an\nother"),
        "optimizer/distribution must be a word",
    ),
    "distribution": (edit("optimizer", "distribution", to=3), "distribution must be a word"),
    "version": (edit("optimizer", "version", to=[]), "optimizer/version must be a word"),
    "no version": (edit("optimizer", "version", to=...), "optimizer/version is missing"),
    "method's options": (
        edit("parameters", "gradient_params", to={"mapping": {"thet": 3}}),
        "gradient_params: 'thet'",
    ),
    "method's values": (
        edit("parameters", "gradient_params", to={"mapping": {"theta": "x"}}),
        "parameters/negative_gradient_method: ",
    ),
    "untagged value": (edit("parameters", "gradient_params", to={"x": 1}), "is not a saved value"),
    "seed": (edit("random_state", to=-1), "random_state must be a seed from 0"),
    "seed is text": (edit("random_state", to="x"), "random_state must be a seed from 0"),
    "generator": (edit("random_state", to={"random_state": "x"}), "not the state of a random"),
    # The Mersenne Twister would read memory after the end of its key.
    "position": (edit("random_state", to=mersenne(pos=10**6)), "pos of a random number generator"),
    "negative": (edit("random_state", to=mersenne(pos=-1)), "pos of a random number generator"),
    "short key": (edit("random_state", to=mersenne(length=623)), "key of a random number"),
    # All its numbers would be equal, and the search for a normal deviate would never end.
    "stuck": (edit("random_state", to=mersenne(fill=0)), "must not be 0"),
    "even": (edit("random_state", to=pcg(inc=0)), "increment of the PCG64 generator must be odd"),
    "gauss": (edit("random_state", to=pcg(gauss=float("inf"))), "gauss of a random number"),
    "nested": (edit("random_state", to=nested(700)), "the header is nested 701 deep"),
    "dtype": (
        edit("random_state", to={"array": [1], "dtype": "O"}),
        "'O' is not a dtype of numbers",
    ),
    "ragged": (edit("random_state", to={"array": [1, [2]], "dtype": "<f8"}), "not an array of"),
    "overflow": (edit("random_state", to={"array": [2**70], "dtype": "<i8"}), "not an array of"),
    "affinities": (edit("affinities", "kind", to="check_real"), "has the unknown value"),
    "no class": (edit("affinities", "kind", to="NeighborIndex"), "has the unknown value"),
    "verbose": (edit("affinities", "verbose", to=1), "affinities/verbose must be true or false"),
    "symmetrize": (edit("affinities", "symmetrize", to=[]), "symmetrize must be"),
    "kernel": (edit("affinities", "kernel", "name", to="gone"), "affinity='gone'"),
    "kernel's options": (
        edit("affinities", "kernel", "options", "perplexity", to=-3),
        "affinities/kernel/options: perplexity",
    ),
    "search": (edit(*INDEX, "search", "name", to="gone"), "neighbors='gone'"),
    "rows": (edit(*PROBLEM, "n_samples", to=61), "n_samples must be at most 60"),
    "columns": (edit(*PROBLEM, "n_features", to=9), r"affinities/rows must have shape \(60, 9\)"),
    "metric": (annoy_in("euclid"), "affinities/index/problem: .*euclid"),
    "metric's kind": (edit(*PROBLEM, "metric", to=None), "metric must be a string or a mapping"),
    "metric_params": (edit(*PROBLEM, "metric_params", to=[1]), "metric_params must be a mapping"),
    "threads": (edit(*PROBLEM, "n_jobs", to=10**9), "n_jobs must be at most"),
    "sparse": (edit(*PROBLEM, "sparse", to=True), "affinities/rows_data is missing"),
    "no search": (edit(*INDEX, "search", to=...), "affinities/index/problem is an unknown"),
    "no positions": (lambda h, a: a.pop("positions"), "positions is missing"),
    "unknown array": (lambda h, a: a.update(more=np.zeros(3)), "more is an unknown entry"),
    "NaN positions": (fill("positions", np.nan), "positions holds NaN or infinity"),
    "far positions": (fill("positions", 1e20), "holds NaN, infinity or values beyond"),
    "float64": (replace("positions", np.float64), "positions must be of float32, got float64"),
    "no points": (replace("positions", lambda Y: Y[:0]), "positions must hold points"),
    "fewer points": (replace("positions", lambda Y: Y[:9]), r"indptr must have shape \(10\)"),
    "flat": (replace("positions", np.ravel), r"positions must have shape \(any, any\)"),
    "column of P": (
        fill("affinities/indices", 300),
        "P is a broken .*: indices must be from 0 to",
    ),
    "negative column": (
        fill("affinities/indices", -1),
        "P is a broken .*: indices must be from 0 to",
    ),
    "rows of P": (fill("affinities/indptr", 5), "P is a broken .*: indptr must start at 0"),
    "long rows of P": (
        replace("affinities/indptr", lambda p: np.where(p == p[-1], 2**40, p)),
        "P is a broken .*: indptr ends at",
    ),
    "dtype of P": (replace("affinities/indices", np.int64), "indices must be of int32"),
    "negative P": (replace("affinities/data", one(-1)), "P must not be negative, got -1"),
    "NaN in P": (replace("affinities/data", one(np.nan)), "data holds NaN or infinity"),
    "short P": (replace("affinities/data", lambda d: d[:-1]), "P is a broken .*: indptr ends at"),
    "neighbors": (fill("affinities/neighbors", -1), "neighbors must name other rows"),
    "itself": (replace("affinities/neighbors", self_loop), "neighbors must name other rows"),
    "twice": (replace("affinities/neighbors", repeat), "must not name a neighbor of a row twice"),
    "few distances": (
        replace("affinities/distances", lambda d: d[:, :-1]),
        "affinities/distances must have shape",
    ),
    "negative distance": (fill("affinities/distances", -1), "not negative"),
    "NaN in rows": (fill("affinities/rows", np.nan), "affinities/rows holds NaN"),
    "rows of numbers": (replace("affinities/rows", np.int32), "rows must be of float32 or"),
    "optimizer's state": (
        replace("optimizer/update", lambda u: u[:-1]),
        r"optimizer/update must have shape \(60, 2\)",
    ),
    "NaN in the state": (fill("optimizer/gains", np.nan), "optimizer/gains holds NaN"),
    "no gains": (lambda h, a: a.pop("optimizer/gains"), "optimizer/gains is missing"),
    "more state": (lambda h, a: a.update({"optimizer/x": np.zeros(1)}), "x is an unknown entry"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_files_that_make_no_sense(path, name):
    change, message = CHANGES[name]
    header, arrays = parts(path)
    change(header, arrays)
    put_together(path, header, arrays)
    refused(path, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        # Native code would read after the end of a field that is too short.
        (lambda h, a: a.update(field=np.zeros((3, 2), np.float32)), "field must have shape"),
        (lambda h, a: a.update(field=a["reference/positions"] * np.nan), "field holds NaN"),
        (edit("padding", to=-1), "padding must be at least 0"),
        (edit("padding", to=float("inf")), "padding must be finite"),
        (fill("P/indices", 60), "P is a broken .*: indices must be from 0 to"),
        (replace("positions", lambda Y: Y[:, :1]), r"positions must have shape \(any, 2\)"),
        (edit("reference", "kind", to="PartialTSNEEmbedding"), "has the unknown value"),
        (edit("reference", to=None), "reference must be a mapping"),
        (lambda h, a: h["reference"].update(more=1), "reference/more is an unknown entry"),
    ],
)
def test_partial_maps_that_make_no_sense(path, fitted, blobs, change, message):
    fitted.prepare_partial(blobs[60:70]).optimize(2).save(path)
    header, arrays = parts(path)
    change(header, arrays)
    put_together(path, header, arrays)
    refused(path, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (fill("affinities/rows_indices", 10), "affinities/rows"),
        (replace("affinities/rows_indptr", lambda p: p[::-1]), "affinities/rows"),
        # The difference to the previous pointer overflows and becomes positive.
        (replace("affinities/rows_indptr", one(-(2**31))), "affinities/rows: the row pointers"),
        (fill("affinities/rows_data", np.inf), "rows_data holds NaN or infinity"),
        (replace("affinities/rows_indptr", lambda p: p[:-1]), "rows_indptr must have shape"),
    ],
)
def test_sparse_data_that_make_no_sense(path, blobs, change, message):
    TSNE(**QUICK).fit(scipy.sparse.csr_matrix(np.maximum(blobs[:60], 0))).save(path)
    header, arrays = parts(path)
    change(header, arrays)
    put_together(path, header, arrays)
    refused(path, message)


def test_arrays_in_other_orders_are_the_same_arrays(path, fitted, blobs):
    header, arrays = parts(path)
    big = {name: each.astype(each.dtype.newbyteorder(">")) for name, each in arrays.items()}
    put_together(
        path, header, big | {"affinities/rows": np.asfortranarray(arrays["affinities/rows"])}
    )
    other = tsnekit.load(path)
    np.testing.assert_array_equal(other.transform(blobs[:3]), fitted.transform(blobs[:3]))
    np.testing.assert_array_equal(other.optimize(3), fitted.optimize(3))
