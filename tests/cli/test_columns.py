"""Ids are not features, columns of text are named, and no missing value is filled silently."""

import numpy as np
import pandas as pd
import pytest

from tsnekit.cli._columns import ColumnOptions, select_columns
from tsnekit.cli._text import read_table

X = np.random.default_rng(0).normal(size=(20, 3)).round(3)


@pytest.fixture
def select(tmp_path):
    def select(frame, written_index=False, header=True, **options):
        path = tmp_path / "t.csv"
        frame.to_csv(path, index=written_index, header=header)
        return select_columns(read_table(str(path)), ColumnOptions(**options))

    return select


FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


def shuffled(frame):
    return frame.sample(frac=1, random_state=0)


@pytest.mark.parametrize("frame", [FRAME, shuffled(FRAME)], ids=["in order", "shuffled"])
def test_an_index_that_pandas_wrote_is_not_a_feature(select, frame):
    found = select(frame, written_index=True)
    np.testing.assert_array_equal(found.features, frame.to_numpy())
    np.testing.assert_array_equal(found.ids, frame.index)
    assert "--index none" in found.notes[0]


def test_an_index_without_any_header(select):
    found = select(FRAME, written_index=True, header=False)
    assert found.features.shape == X.shape
    assert found.notes


@pytest.mark.parametrize("name", ["id", "Index", "rownames"])
def test_an_index_by_its_name(select, name):
    found = select(FRAME.rename_axis(name), written_index=True)
    assert found.features.shape == X.shape


def test_names_of_rows_are_ids(select):
    found = select(
        FRAME.set_axis([f"cell {i}" for i in range(20)]).rename_axis("cell"), written_index=True
    )
    assert found.features.shape == X.shape
    assert found.ids[3] == "cell 3"


def test_a_column_that_only_looks_like_an_index_is_a_feature_and_is_reported(select):
    found = select(FRAME.rename_axis("day"), written_index=True)
    assert found.features.shape == (20, 4)
    assert "--index 'day'" in found.notes[0]


def test_options_override_what_is_found(select):
    found = select(FRAME.assign(key=range(7, 27)), columns=["a", "c"])
    np.testing.assert_array_equal(found.features, X[:, [0, 2]])
    found = select(FRAME, written_index=True, index="none")
    assert found.features.shape == (20, 4)
    assert found.ids is None
    found = select(FRAME.assign(key=range(7, 27)), index="key")
    np.testing.assert_array_equal(found.features, X)
    np.testing.assert_array_equal(found.ids, range(7, 27))
    found = select(FRAME, drop=["b"])
    np.testing.assert_array_equal(found.features, X[:, [0, 2]])


def test_label_column(select):
    found = select(FRAME.assign(kind=list("xyxxy") * 4), label_column="kind")
    assert found.features.shape == X.shape
    assert list(found.labels[:3]) == ["x", "y", "x"]
    assert found.labels.name == "kind"


@pytest.mark.parametrize("option", ["columns", "drop"])
def test_columns_that_do_not_exist(select, option):
    with pytest.raises(ValueError, match=rf"--{option}: .* no column 'bb'; did you mean 'b'\?"):
        select(FRAME, **{option: ["bb"]})


def test_text_is_named_with_its_line_and_what_to_do(select):
    frame = FRAME.assign(kind=list("xyxxy") * 4, site="lab")
    with pytest.raises(
        ValueError, match=r"2 columns do not hold numbers .*'x' in line 2.*--drop kind site"
    ):
        select(frame)
    mixed = FRAME.astype(object)
    mixed.loc[4, "b"] = "broken"
    with pytest.raises(ValueError, match=r"column 'b' holds text, 'broken' in line 6"):
        select(mixed)


@pytest.fixture
def with_holes():
    frame = FRAME.copy()
    frame.loc[[2, 5], "b"] = np.nan
    frame.loc[5, "c"] = np.nan
    return frame


def test_missing_values_are_counted(select, with_holes):
    message = (
        r"2 of 20 rows have missing values \(b: 2, c: 1\), the first in line 4. --missing drop"
    )
    with pytest.raises(ValueError, match=message):
        select(with_holes)


def test_rows_with_missing_values_can_be_left_out(select, with_holes):
    found = select(with_holes, missing="drop", label_column="a")
    kept = np.delete(np.arange(20), [2, 5])
    np.testing.assert_array_equal(found.rows, kept)
    np.testing.assert_array_equal(found.features, X[kept, 1:])
    np.testing.assert_array_equal(found.labels, X[kept, 0])
    assert "left out" in found.notes[0]


def test_missing_values_can_be_filled(select, with_holes):
    found = select(with_holes, missing="mean")
    expected = with_holes.fillna(with_holes.mean()).to_numpy()
    np.testing.assert_allclose(found.features, expected, rtol=1e-12)
    assert "mean" in found.notes[0]


def test_a_choice_that_leaves_nothing_is_refused(select):
    with pytest.raises(ValueError, match="no columns left"):
        select(FRAME, drop=["a", "b", "c"])
    with pytest.raises(ValueError, match="would leave no row"):
        select(FRAME.assign(c=np.nan), missing="drop")
    with pytest.raises(ValueError, match="no mean of the empty columns 'c'"):
        select(FRAME.assign(c=np.nan), missing="mean")
