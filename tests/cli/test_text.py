"""Text tables are read without losing or inventing a row, and every guess is reported."""

import bz2
import csv
import gzip
import io
import lzma

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tsnekit.cli._text import read_table

ROWS = np.random.default_rng(0).normal(size=(30, 4)).round(3)


def text_of(rows=ROWS, delimiter=",", header=None, decimal=".", end=""):
    lines = [] if header is None else [delimiter.join(header)]
    for row in rows:
        cells = [f"{value:g}".replace(".", decimal) for value in row]
        lines.append(delimiter.join(cells) + end)
    return "\n".join(lines) + "\n"


def read(tmp_path, text, name="table.csv", encoding="utf-8", **options):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return read_table(str(path), **options)


NAMES = ["a", "b", "c", "d"]


@pytest.mark.parametrize("header", [None, NAMES], ids=["no header", "header"])
@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("t.csv", {}),
        ("t.CSV", {}),
        ("t.csv", {"delimiter": ";"}),
        ("t.csv", {"delimiter": ";", "decimal": ","}),
        ("t.csv", {"delimiter": "\t"}),
        ("t.tsv", {"delimiter": "\t", "decimal": ","}),
        ("t.txt", {"delimiter": " "}),
        ("t.dat", {"delimiter": "|"}),
        ("t.csv", {"end": ","}),
    ],
    ids=repr,
)
def test_layouts(tmp_path, name, layout, header):
    table = read(tmp_path, text_of(header=header, **layout), name)
    np.testing.assert_array_equal(table.frame.to_numpy(), ROWS)
    assert table.has_header == (header is not None)
    assert list(table.frame.columns) == (header or ["1", "2", "3", "4"])
    assert table.notes == ()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("header", [None, ["å", "b", "c", "d"]], ids=["no header", "header"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=repr)
def test_encodings_and_ends_of_lines(tmp_path, encoding, header, newline):
    text = text_of(header=header).replace("\n", newline)
    table = read(tmp_path, text, encoding=encoding)
    np.testing.assert_array_equal(table.frame.to_numpy(), ROWS)
    assert table.frame.columns[0] == ("1" if header is None else "å")


def test_a_guessed_encoding_is_reported(tmp_path):
    table = read(tmp_path, text_of(header=["é", "b", "c", "d"]), encoding="cp1252")
    assert table.frame.columns[0] == "é"
    assert "Windows-1252" in table.notes[0]


@pytest.mark.parametrize(
    ("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_compressed_files(tmp_path, ending, pack):
    packed = pack(text_of().encode())
    table = read(tmp_path, packed, f"t.csv{ending}")
    np.testing.assert_array_equal(table.frame.to_numpy(), ROWS)
    with pytest.raises(ValueError, match=f"not a whole {ending} file"):
        read(tmp_path, packed[: len(packed) // 2], f"t.csv{ending}")


def test_standard_input(monkeypatch):
    class Stdin:
        buffer = io.BytesIO(text_of(header=NAMES).encode())

    monkeypatch.setattr("sys.stdin", Stdin())
    np.testing.assert_array_equal(read_table("-").frame.to_numpy(), ROWS)


@pytest.mark.parametrize("hole", ["", "NA", "nan", "NaN", "null", "n/a"])
def test_a_hole_in_the_first_row_does_not_make_it_a_header(tmp_path, hole):
    first, rest = text_of().split("\n", 1)
    table = read(tmp_path, ",".join([hole, *first.split(",")[1:]]) + "\n" + rest)
    assert table.frame.shape == ROWS.shape
    assert np.isnan(table.frame.iloc[0, 0])
    assert not table.has_header


@pytest.mark.parametrize(
    "header", [["0", "1", "2", "3"], ["1", "2", "3", "4"], ["1990", "1991", "1992", "1993"]]
)
def test_a_header_of_numbers_that_count(tmp_path, header):
    table = read(tmp_path, text_of(header=header))
    np.testing.assert_array_equal(table.frame.to_numpy(), ROWS)
    assert list(table.frame.columns) == header
    assert "--no-header" in table.notes[0]
    assert len(read(tmp_path, text_of(header=header), header=False).frame) == len(ROWS) + 1


def test_what_pandas_writes(tmp_path):
    import pandas as pd

    pd.DataFrame(ROWS).to_csv(tmp_path / "t.csv")
    table = read_table(str(tmp_path / "t.csv"))
    assert list(table.frame.columns) == ["", "0", "1", "2", "3"]
    np.testing.assert_array_equal(table.frame.to_numpy()[:, 1:], ROWS)


def test_rows_of_whole_numbers_are_no_header(tmp_path):
    whole = np.random.default_rng(0).integers(0, 9, size=(30, 4))
    whole[0] = 5, 7, 2, 8
    assert len(read(tmp_path, text_of(whole)).frame) == 30
    counting = np.arange(120).reshape(30, 4)  # every row counts, so that none is special
    assert len(read(tmp_path, text_of(counting)).frame) == 30


def test_a_header_that_does_not_name_the_row_names(tmp_path):
    lines = text_of(header=NAMES).splitlines()
    text = "\n".join([lines[0]] + [f"row{i},{line}" for i, line in enumerate(lines[1:])])
    table = read(tmp_path, text)
    assert list(table.frame.columns) == ["", *NAMES]
    np.testing.assert_array_equal(table.frame[NAMES].to_numpy(), ROWS)


def test_comments_and_empty_lines(tmp_path):
    lines = text_of().splitlines()
    lines.insert(7, "")
    lines.insert(9, "# a remark, in the middle")
    table = read(tmp_path, "# made by hand\n\n" + "\n".join(lines) + "\n\n\n")
    np.testing.assert_array_equal(table.frame.to_numpy(), ROWS)
    assert table.lines[0] == 3
    assert table.lines[-1] == 34


def test_names_in_a_comment_as_numpy_writes_them(tmp_path):
    np.savetxt(tmp_path / "t.txt", ROWS, header=" ".join(NAMES))
    assert list(read_table(str(tmp_path / "t.txt")).frame.columns) == NAMES


def test_quotes(tmp_path):
    text = '"a, or b","c"\n"1.5","2"\n"2.5","3"\n'
    table = read(tmp_path, text)
    assert list(table.frame.columns) == ["a, or b", "c"]
    np.testing.assert_array_equal(table.frame.to_numpy(), [[1.5, 2], [2.5, 3]])


@pytest.mark.parametrize("cells", [6, 5])
def test_rows_of_different_lengths_are_an_error_that_names_the_line(tmp_path, cells):
    lines = text_of(header=NAMES).splitlines()
    lines[9] = ",".join(["1"] * cells)
    with pytest.raises(ValueError, match=rf"table.csv: line 10 has {cells} cells, .* have 4"):
        read(tmp_path, "\n".join(lines))


@pytest.mark.parametrize(("content", "message"), [(b"", "is empty"), (b"a\0b", "is not a text")])
def test_files_that_are_not_tables(tmp_path, content, message):
    with pytest.raises(ValueError, match=f"table.csv {message}"):
        read(tmp_path, content)


def test_a_single_row_and_a_single_column(tmp_path):
    assert read(tmp_path, "1,2,3\n").frame.shape == (1, 3)
    column = read(tmp_path, "1.5\n2.5\n0.5\n")
    assert column.frame.shape == (3, 1)
    assert not column.has_header


def test_single_quotes_are_no_part_of_a_name(tmp_path):
    table = read(tmp_path, text_of(header=["'a'", "b's", "'c", "d"]))
    assert list(table.frame.columns) == ["a", "b's", "'c", "d"]


def test_equal_names_are_told_apart(tmp_path):
    assert list(read(tmp_path, "a,a,b\n1,2,3\n4,5,6\n").frame.columns) == ["a", "a.1", "b"]


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


@settings(deadline=None)
@given(
    values=st.integers(3, 5).flatmap(
        lambda width: st.lists(st.lists(finite, min_size=width, max_size=width), min_size=4)
    ),
    layout=st.fixed_dictionaries(
        {
            "sep": st.sampled_from([",", ";", "\t", "|"]),
            "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
            "lineterminator": st.sampled_from(["\n", "\r\n"]),
            "header": st.booleans(),
            "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
        }
    ),
    decimal=st.sampled_from([".", ","]),
)
def test_what_pandas_writes_comes_back(tmp_path_factory, values, layout, decimal):
    import pandas as pd

    # Halves, so that no row of whole numbers counts by chance.
    frame = pd.DataFrame(values) + 0.5
    frame.columns = [f"c {i}" for i in range(frame.shape[1])]
    assume(decimal == "." or layout["sep"] != ",")
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    frame.to_csv(path, index=False, decimal=decimal, **layout)
    table = read_table(str(path))
    np.testing.assert_array_equal(table.frame.to_numpy(), frame.to_numpy())
    assert table.has_header == layout["header"]
    assert table.notes == ()
