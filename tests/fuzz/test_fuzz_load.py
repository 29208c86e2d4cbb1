"""Saved files, changed at random: each is refused with a ValueError, or is a map that can be used.

Bytes are flipped, removed and inserted. Members are exchanged, left out and doubled. Fields of the
header, and numbers and shapes of the arrays, are changed, and all checksums fit the changes.

``TSNEKIT_FUZZ_FILES`` is the number of files. ``TSNEKIT_FUZZ_SECONDS`` is the least time that the
test runs. ``TSNEKIT_FUZZ_SEED`` chooses the files.
"""

import contextlib
import itertools
import json
import os
import time
import warnings

import numpy as np
import pytest
import scipy.sparse

import tsnekit
from helpers.saved import HEADER, npy, parts, put
from tsnekit import TSNE, PartialTSNEEmbedding, TSNEEmbedding, affinity

FILES = int(os.environ.get("TSNEKIT_FUZZ_FILES", "100"))
SECONDS = float(os.environ.get("TSNEKIT_FUZZ_SECONDS", "0"))
SEED = int(os.environ.get("TSNEKIT_FUZZ_SEED", "0"))

NUMBERS = [0, 1, -1, 2, 7, 0.5, -0.5, 3.0, 1e-300, 1e300, float("nan"), float("inf")]
NUMBERS += [2**31 - 1, 2**31, 2**32, 2**63, 2**70, 10**400]
TEXTS = ["", "x", "auto", "none", "max", "exact", "annoy", "forest", "fft", "mesh", "barnes_hut"]
TEXTS += ["euclidean", "cosine", "cityblock", "uniform", "perplexity", "momentum", "Affinities"]
TEXTS += ["PerplexityBasedNN", "TSNEEmbedding", "PartialTSNEEmbedding", "MT19937", "PCG64", "<f4"]
OTHERS = [None, True, False, [], {}, [1], {"mapping": {}}, {"mapping": {"p": 3}}, [[[[]]]]]
OTHERS += [{"array": [1.0, 2.0], "dtype": "<f8"}, {"array": [], "dtype": "<i8"}]
OF_ARRAYS = [0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e-45, 3e38, -1e30, 1e15, 2.0**31, 5.0]
DTYPES = ["<f4", ">f4", "<f8", "<i4", "<i8", "<u4", "|b1", "|i1", "<f2"]


def maps():
    """Return maps of all kinds, small enough for many files."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(24, 3)).astype(np.float32)
    quick = {"n_iter": 3, "early_exaggeration_iter": 2, "perplexity": 3, "random_state": 0}
    plain = TSNE(**quick, negative_gradient_method="fft", neighbors="exact").fit(X)
    generator = quick | {"random_state": np.random.RandomState(np.random.Philox(0))}
    moved = TSNE(**quick).fit(X)
    partial = moved.prepare_partial(X[:4] + 0.1).optimize(2)
    moved += 1
    kernels = affinity.MultiscaleMixture(X, [2, 4], metric="minkowski", metric_params={"p": 3})
    return {
        "fft": plain,
        "annoy": TSNE(**generator, neighbors="annoy", negative_gradient_method="mesh").fit(X),
        "sparse": TSNE(**quick).fit(scipy.sparse.csr_matrix(np.abs(X))),
        "mixture": TSNEEmbedding(X[:, :2], kernels, random_state=np.random.RandomState(3)),
        "matrix": TSNEEmbedding(X[:, :1], affinity.PrecomputedAffinities(np.ones((24, 24)))),
        "partial": plain.prepare_partial(X[:4] + 0.1).optimize(2),
        "moved": partial,
    }


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return the files as bytes, and as members."""
    path = tmp_path_factory.mktemp("maps") / "map"
    files = {}
    for name, embedding in maps().items():
        embedding.save(path)
        files[name] = path.read_bytes(), *parts(path)
    return files


# -- Changes ---------------------------------------------------------------------------------------


def pick(rng, values):
    return values[rng.integers(len(values))]


def spoil_bytes(rng, content):
    content = bytearray(content)
    # The archive's own records are at its ends.
    end = len(content) if rng.random() < 0.5 else min(len(content), 400)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(end))
        place = place if rng.random() < 0.5 else len(content) - 1 - place
        how = rng.integers(4)
        if how == 0:
            content[place] ^= 1 << int(rng.integers(8))
        elif how == 1:
            content[place] = pick(rng, [0, 1, 255, 127])
        elif how == 2:
            del content[place : place + int(rng.integers(1, 200))]
        else:
            content[place:place] = bytes(int(rng.integers(1, 9)))
        end = len(content)
        if not content:
            break
    return bytes(content)


def places(value, path=()):
    """Yield the path to everything in a header."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in items:
        yield (*path, key)
        if isinstance(each, dict | list):
            yield from itertools.islice(places(each, (*path, key)), 50)


def spoil_header(rng, header):
    header = json.loads(json.dumps(header))
    for _ in range(rng.integers(1, 3)):
        *way, last = pick(rng, list(places(header)))
        inner = header
        for key in way:
            inner = inner[key]
        how = rng.integers(8)
        if how == 0:
            del inner[last]
        elif how == 1 and isinstance(inner, dict):
            inner["x"] = inner.pop(last)
        elif how == 2 and isinstance(inner, dict):
            inner[pick(rng, TEXTS)] = inner[last]
        else:
            inner[last] = pick(rng, pick(rng, [NUMBERS, TEXTS, OTHERS]))
    return header


def spoil_numbers(rng, array):
    array = array.copy()
    if array.size:
        places = rng.integers(array.size, size=rng.integers(1, 4))
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array.flat[places] = np.array(pick(rng, OF_ARRAYS)).astype(array.dtype)
    return array


def spoil_shape(rng, array):
    how = rng.integers(5)
    if how == 0:
        return array[: len(array) // 2]
    if how == 1:
        return array.T.copy()
    if how == 2:
        return np.concatenate([array, array[:1]])
    if how == 3:
        return array.ravel()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return array.astype(pick(rng, DTYPES))


def spoil_array_header(rng, content):
    head, body = bytearray(content[:128]), content[128:]
    if rng.random() < 0.5:
        digits = [i for i, byte in enumerate(head) if chr(byte).isdigit()]
        head[pick(rng, digits)] = ord(pick(rng, "0123456789-,"))
    else:
        head[int(rng.integers(len(head)))] = int(rng.integers(256))
    return bytes(head) + body


def spoil_members(rng, header, arrays):
    """Return the members of a file, with one change."""
    arrays = dict(arrays)
    how = rng.integers(7)
    one, other = pick(rng, list(arrays)), pick(rng, list(arrays))
    if how <= 1:
        header = spoil_header(rng, header)
    elif how == 2:
        arrays[one] = spoil_numbers(rng, arrays[one])
    elif how == 3:
        arrays[one] = spoil_shape(rng, arrays[one])
    elif how == 4:
        arrays[one], arrays[other] = arrays[other], arrays[one]
    elif how == 5:
        arrays[other + pick(rng, ["", "x", "/x"])] = arrays.pop(one)
    members = {f"{name}.npy": npy(array) for name, array in arrays.items()}
    if how == 6:
        members[f"{one}.npy"] = spoil_array_header(rng, members[f"{one}.npy"])
    return [(HEADER, json.dumps(header)), *members.items()]


# -- What is done with a file ----------------------------------------------------------------------


def is_affordable(search):
    """Whether a test has the time and the memory for the options of a search."""
    options = vars(search).values()
    return not any(isinstance(each, int | float) and each > 1000 for each in options)


def use(embedding):
    """Use a map in all the usual ways."""
    assert np.isfinite(np.asarray(embedding)).all()
    assert embedding.state.iteration >= 0
    assert not np.isnan(embedding.kl_divergence)
    embedding.optimize(1, n_jobs=1)
    if isinstance(embedding, PartialTSNEEmbedding):
        use(embedding.reference_embedding)
        return
    index = getattr(embedding.affinities, "knn_index", None)
    if index is not None and index.data is not None and is_affordable(index.search):
        new = index.data[:2] + index.data[2:4]
        assert len(embedding.transform(new, n_iter=1)) == 2


def load_and_use(path):
    """Return whether the file is a map."""
    try:
        embedding = tsnekit.load(path)
    except ValueError as error:
        message = str(error)
    else:
        # Parameters that are valid by themselves may not be valid together.
        with warnings.catch_warnings(), contextlib.suppress(ValueError, TypeError):
            warnings.simplefilter("ignore")
            use(embedding)
        return True
    assert str(path) in message
    return False


def test_the_maps_can_be_used(saved, tmp_path):
    path = tmp_path / "map"
    for content, *_ in saved.values():
        path.write_bytes(content)
        use(tsnekit.load(path))


@pytest.mark.parametrize(
    "name", ["fft", "annoy", "sparse", "mixture", "matrix", "partial", "moved"]
)
def test_spoiled_files(saved, tmp_path, name):
    content, header, arrays = saved[name]
    path = tmp_path / "map"
    until = time.monotonic() + SECONDS / len(saved)
    good = 0
    for i in itertools.count():
        if i >= FILES and time.monotonic() >= until:
            break
        rng = np.random.default_rng([SEED, i])
        if rng.random() < 0.3:
            path.write_bytes(spoil_bytes(rng, content))
        else:
            put(path, spoil_members(rng, header, arrays))
        try:
            good += load_and_use(path)
        except BaseException:
            print(f"seed {SEED}, file {i} of {name!r}")
            raise
    print(f"{name}: {i} files, {good} of them maps")
