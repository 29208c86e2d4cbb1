import numpy as np
import pandas as pd
import pytest

from tsnekit._drawing.labels import Classes, Values, interpret_labels


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
        (["a", "b", "c"], "continuous", "labels must be numbers or dates for kind='continuous'"),
        ([1, 2, 3], "classes", "kind must be 'auto', 'categorical' or 'continuous'"),
    ],
)
def test_bad_labels(labels, kind, message):
    with pytest.raises(ValueError, match=message):
        interpret_labels(labels, 3, kind)


DATES = pd.date_range("2020-01-01", periods=60)


@pytest.mark.parametrize(
    ("labels", "names", "codes"),
    [
        (np.array([2**64 - 1, 2**63, 5], dtype=np.uint64), (5, 2**63, 2**64 - 1), [2, 1, 0]),
        (np.array([2**64 - 1, 5, None], dtype=object), (5, 2**64 - 1), [1, 0, -1]),
        (pd.Categorical([1, "a", 1], ["a", 2.5, 1]), ("a", 1), [1, 0, 1]),
        (pd.CategoricalIndex([1, "a", None]), (1, "a"), [0, 1, -1]),
        (np.array([1, "a", 0.5], dtype=object), (0.5, 1, "a"), [1, 2, 0]),
        (np.array(["b", 2, "1"], dtype=object), (2, "1", "b"), [2, 0, 1]),
        ([0, -1, 1], (0, 1), [0, -1, 1]),
        ([-1.0, -1.0, 0.0], (0,), [-1, -1, 0]),
        ([-1, -1, -1], (), [-1, -1, -1]),
        ([-1, 1, 1], (-1, 1), [0, 1, 1]),
        ([-2, -1, 0], (-2, -1, 0), [0, 1, 2]),
        (pd.Categorical([-1, 0, 1]), (0, 1), [-1, 0, 1]),
        (pd.Categorical([-1, 0, 1], ordered=True), (-1, 0, 1), [0, 1, 2]),
        (DATES[[1, 0, 1]], ("2020-01-01", "2020-01-02"), [1, 0, 1]),
        (pd.Series([DATES[1], None, DATES[0]]), ("2020-01-01", "2020-01-02"), [1, -1, 0]),
        ([DATES[0].date(), None, None], ("2020-01-01",), [0, -1, -1]),
        (
            np.array(["2020-01-01T10:30", "NaT", "NaT"], "datetime64[ns]"),
            ("2020-01-01T10:30",),
            [0, -1, -1],
        ),
        (DATES[[0, 1, 1]].tz_localize("UTC"), ("2020-01-01", "2020-01-02"), [0, 1, 1]),
    ],
)
def test_classes_of_any_type(labels, names, codes):
    found = interpret_labels(labels, 3)
    assert isinstance(found, Classes)
    assert found.names == names
    np.testing.assert_array_equal(found.codes, codes)


@pytest.mark.parametrize(
    "labels",
    [DATES, pd.Series(DATES), np.asarray(DATES), [each.date() for each in DATES]],
)
def test_many_dates_are_values(labels):
    found = interpret_labels(labels, 60)
    assert isinstance(found, Values)
    assert found.dates
    np.testing.assert_array_equal(found.values, 18262.0 + np.arange(60))
    assert isinstance(interpret_labels(labels, 60, "categorical"), Classes)


def test_noise_is_missing_only_if_labels_are_classes():
    labels = np.arange(-1, 60)
    assert interpret_labels(labels, 61, "categorical").missing.sum() == 1
    assert not interpret_labels(labels, 61, "continuous").missing.any()


def test_ordered_categories():
    sizes = pd.Categorical(["S", "L", "S"], ["S", "M", "L"], ordered=True)
    assert interpret_labels(sizes, 3).ordered
    assert interpret_labels(pd.Series(sizes), 3).names == ("S", "L")
    assert not interpret_labels(["S", "L", "S"], 3).ordered


def test_polars_categories():
    polars = pytest.importorskip("polars")
    kinds = polars.Enum(["c", "a", "b"])
    assert interpret_labels(polars.Series(["a", None, "c"], dtype=kinds), 3).names == ("c", "a")
    text = polars.Series(["b", None, "a"], dtype=polars.Categorical)
    assert interpret_labels(text, 3).names == ("a", "b")


def test_categories_are_not_compared_label_by_label():
    """The work for categories does not grow with their number times that of the points."""

    class Counted(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other):
            Counted.compared += 1
            return str.__eq__(self, other)

    names = [Counted(f"class {i}") for i in range(100)]
    labels = pd.Categorical.from_codes(np.arange(5000) % 100, names)
    Counted.compared = 0
    found = interpret_labels(labels, 5000)
    assert len(found.names) == 100
    assert Counted.compared < 1000


def test_labels_that_look_equal():
    with pytest.raises(ValueError, match="labels must be text, numbers, dates"):
        interpret_labels(np.array([[1], None, {}], dtype=object), 3)


# -- Text that writes something else ---------------------------------------------------------------


def test_numbers_in_text_are_in_the_order_of_their_values():
    found = interpret_labels(np.array(["c10", "c2", "C1", "c10"]), 4)
    assert found.names == ("C1", "c2", "c10")
    np.testing.assert_array_equal(found.codes, [2, 1, 0, 2])
    objects = np.array(["10", None, "9", "-1.5"], dtype=object)
    found = interpret_labels(objects, 4)
    assert found.names == ("-1.5", "9", "10")
    np.testing.assert_array_equal(found.codes, [2, -1, 1, 0])


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["1", "-1", "0", "10"]),
        pd.Series(["1", "-1", "0", "10"], dtype="category"),
        pd.Categorical.from_codes([2, 0, 1, 3], [-1, 0, 1, 10]),
    ],
)
def test_noise_in_text_and_in_categories(labels):
    found = interpret_labels(labels, 4)
    np.testing.assert_array_equal(found.missing, [False, True, False, False])
    assert [str(found.names[code]) for code in found.codes[[0, 2, 3]]] == ["1", "0", "10"]


@pytest.mark.parametrize("labels", [["-1", "1"], ["-1", "-2", "0"], ["-1", "0", "x"]])
def test_minus_one_that_is_no_noise(labels):
    assert not interpret_labels(labels, len(labels)).missing.any()


def test_text_that_writes_dates_is_dates():
    days = [f"2020-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(60)]
    found = interpret_labels(days, 60)
    assert found.dates
    assert found.values[1] - found.values[0] == 1
    few = interpret_labels(["2020-01-31 10:30", "2019-12-01 00:00"], 2)
    assert few.names == ("2019-12-01", "2020-01-31T10:30")
    assert interpret_labels(["2020-02-31", "2020-02-30"], 2).names == ("2020-02-30", "2020-02-31")


def test_what_was_told_apart_stays():
    typed = interpret_labels(np.arange(9), 9)
    assert interpret_labels(typed, 9) is typed
    with pytest.raises(ValueError, match=r"labels must have shape \(8,\)"):
        interpret_labels(typed, 8)
