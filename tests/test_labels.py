import numpy as np
import pandas as pd
import pytest

from tsnekit.labels import Classes, Values, interpret_labels


@pytest.mark.parametrize(
    ("labels", "names", "codes"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        ([3, 1, 3], (1, 3), [1, 0, 1]),
        ([True, False, True], (False, True), [1, 0, 1]),
        ([2.0, 1.0, np.nan], (1, 2), [1, 0, -1]),
        (["b", None, "a"], ("a", "b"), [1, -1, 0]),
        (np.array([5, None, 4], dtype=object), (4, 5), [1, -1, 0]),
        (np.ma.array([5, 9, 4], mask=[0, 1, 0]), (4, 5), [1, -1, 0]),
        (pd.Series([5, None, 4], dtype="Int64"), (4, 5), [1, -1, 0]),
        (pd.Series(["x", pd.NA, "y"], dtype="string"), ("x", "y"), [0, -1, 1]),
        (pd.Series(["lo", "hi", None], dtype="category"), ("hi", "lo"), [1, 0, -1]),
        (pd.Categorical(["lo", "hi", "lo"], ["lo", "mid", "hi"]), ("lo", "hi"), [0, 1, 0]),
        ([None, None, None], (), [-1, -1, -1]),
    ],
)
def test_classes(labels, names, codes):
    found = interpret_labels(labels, 3)
    assert isinstance(found, Classes)
    assert found.names == names
    assert [type(name) for name in found.names] == [type(name) for name in names]
    np.testing.assert_array_equal(found.codes, codes)
    np.testing.assert_array_equal(found.missing, np.array(codes) < 0)


@pytest.mark.parametrize(
    ("labels", "values"),
    [
        ([0.5, 1, 2], [0.5, 1, 2]),
        ([0.5, np.nan, 2], [0.5, np.nan, 2]),
        ([0.5, None, 2], [0.5, np.nan, 2]),
        (pd.Series([0.5, pd.NA, 2], dtype="Float64"), [0.5, np.nan, 2]),
        (np.ma.array([0.5, 9, 2], mask=[0, 1, 0]), [0.5, np.nan, 2]),
    ],
)
def test_values(labels, values):
    found = interpret_labels(labels, 3)
    assert isinstance(found, Values)
    np.testing.assert_array_equal(found.values, values)


def test_many_whole_numbers_are_values_unless_asked_otherwise():
    assert isinstance(interpret_labels(np.arange(40), 40), Classes)
    assert isinstance(interpret_labels(np.arange(41), 41), Values)
    assert isinstance(interpret_labels(np.arange(41), 41, "categorical"), Classes)
    assert isinstance(interpret_labels([1, 2, 2], 3, "continuous"), Values)
    assert len(interpret_labels([0.5, 1.5, 0.5], 3, "categorical").names) == 2


def test_polars_series():
    polars = pytest.importorskip("polars")
    found = interpret_labels(polars.Series("type", ["b", None, "a"]), 3)
    assert found.names == ("a", "b")
    assert found.title == "type"
    np.testing.assert_array_equal(found.codes, [1, -1, 0])
    assert np.isnan(interpret_labels(polars.Series([1.5, None, 2.0]), 3).values[1])


@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        ([1, 2], "auto", r"labels must have shape \(3,\).*got \(2,\)"),
        ([[1], [2], [3]], "auto", r"got \(3, 1\)"),
        (["a", "b", "c"], "continuous", "labels must be numbers for kind='continuous'"),
        ([1, 2, 3], "classes", "kind must be 'auto', 'categorical' or 'continuous'"),
    ],
)
def test_bad_labels(labels, kind, message):
    with pytest.raises(ValueError, match=message):
        interpret_labels(labels, 3, kind)
