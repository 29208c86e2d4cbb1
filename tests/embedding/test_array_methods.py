"""No array method of an embedding returns an embedding without its state."""

import copy
import pickle

import numpy as np
import pytest

from tsnekit import TSNEEmbedding
from tsnekit._embedding.array import EmbeddingArray

# The arguments of every public method of arrays.
ARGUMENTS = {
    "all": (),
    "any": (),
    "argmax": (),
    "argmin": (),
    "argpartition": (3, 0),
    "argsort": (),
    "astype": (np.float64,),
    "byteswap": (),
    "choose": None,  # indices only
    "clip": (-1, 1),
    "compress": ([True, False, True], 0),
    "conj": (),
    "conjugate": (),
    "cumprod": (1,),
    "cumsum": (),
    "diagonal": (),
    "dot": (np.eye(2),),
    "fill": (3,),
    "flatten": (),
    "getfield": (np.int32,),
    "item": (0, 0),
    "itemset": None,  # gone from later versions of NumPy
    "max": (),
    "mean": (0,),
    "min": (),
    "newbyteorder": (),
    "nonzero": (),
    "partition": (3, 0),
    "prod": (1,),
    "ptp": (0,),
    "put": ([0, 1], [5, 6]),
    "ravel": (),
    "repeat": (2, 0),
    "reshape": (-1, 4),
    "round": (1,),
    "searchsorted": None,  # one dimension only
    "setfield": (3, np.float32),
    "sort": (0,),
    "squeeze": (),
    "std": (0,),
    "sum": (0,),
    "swapaxes": (0, 1),
    "take": ([0, 1], 0),
    "to_device": ("cpu",),
    "tobytes": (),
    "tofile": None,
    "tolist": (),
    "tostring": (),
    "trace": (),
    "transpose": (),
    "var": (0,),
    "view": (),
}
OF_THE_EMBEDDING = {"copy", "dump", "dumps", "resize", "setflags"}
PUBLIC = [name for name in dir(np.ndarray) if not name.startswith("_")]
METHODS = [name for name in PUBLIC if callable(getattr(np.ndarray, name))]


def test_the_list_of_methods_is_complete():
    assert set(METHODS) <= set(ARGUMENTS) | OF_THE_EMBEDDING


@pytest.mark.parametrize("name", [n for n in METHODS if ARGUMENTS.get(n) is not None])
@pytest.mark.filterwarnings("ignore:tostring:DeprecationWarning")
def test_methods_are_those_of_plain_arrays(embedding, name):
    plain = np.array(embedding)
    found = getattr(embedding, name)(*ARGUMENTS[name])
    expected = getattr(plain, name)(*ARGUMENTS[name])
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(embedding, plain)  # also where it is changed in place
    assert embedding.state.iteration == 250
    assert getattr(type(embedding), name).__doc__ == getattr(np.ndarray, name).__doc__


@pytest.mark.parametrize("name", [n for n in PUBLIC if n not in METHODS])
def test_attributes_are_not_embeddings(embedding, name):
    value = getattr(embedding, name)
    assert not isinstance(value, EmbeddingArray)
    assert not isinstance(getattr(value, "base", None), EmbeddingArray)


def test_attributes_can_be_written(embedding):
    embedding.flat = 1
    embedding.real[0] = 2
    np.testing.assert_array_equal(embedding[:2], [[2, 2], [1, 1]])


@pytest.mark.parametrize(
    "derive",
    [
        abs,
        np.negative,
        lambda e: e[None],
        lambda e: e[..., 0],
        np.ravel,
        np.squeeze,
        np.array,
        lambda e: np.take(e, [0], axis=0),
        lambda e: np.reshape(e, -1),
        lambda e: np.astype(e, int) if hasattr(np, "astype") else np.array(e, int),
        lambda e: next(iter(e)),
        lambda e: np.sort(e, axis=0),
        lambda e: np.broadcast_to(e, (2, *e.shape)),
        lambda e: np.lib.stride_tricks.sliding_window_view(e, 2, axis=0),
    ],
)
def test_functions_return_plain_arrays(embedding, derive):
    assert type(derive(embedding)) is np.ndarray


@pytest.mark.parametrize(
    "duplicate",
    [
        lambda e: e.copy(),
        copy.copy,
        copy.deepcopy,
        lambda e: pickle.loads(e.dumps()),
        lambda e: pickle.loads(pickle.dumps(e, protocol=5)),
    ],
)
def test_copies_keep_all(embedding, duplicate):
    other = duplicate(embedding)
    assert type(other) is TSNEEmbedding
    np.testing.assert_array_equal(other.optimize(5), embedding.optimize(5))
    assert other.backends == embedding.backends
    assert other.seconds == embedding.seconds


def test_a_deep_copy_draws_random_numbers_of_its_own(embedding, data):
    embedding.random_state = np.random.RandomState(3)
    places = [
        each.prepare_partial(data[1], initialization="random")
        for each in (embedding, copy.deepcopy(embedding))
    ]
    np.testing.assert_array_equal(*places)


@pytest.mark.parametrize("kept", ["TSNEEmbedding", "PartialTSNEEmbedding"])
def test_attributes_of_users_survive_pickling(embedding, data, kept):
    if kept != "TSNEEmbedding":
        embedding = embedding.prepare_partial(data[1])
    embedding.note = "mine"
    assert pickle.loads(pickle.dumps(embedding)).note == "mine"
