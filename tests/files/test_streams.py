"""Arrays that are written and read part by part."""

import numpy as np
import pytest

from tsnekit._files.archive import Parts, write_archive
from tsnekit._files.reader import damage, open_archive, read_archive


@pytest.fixture
def values():
    return np.arange(40, dtype=np.float32).reshape(20, 2)


def in_parts(values, cuts=(7, 7, 15)):
    return Parts(values.shape, values.dtype, iter(np.split(values, cuts)))


def test_parts_make_the_file_that_the_array_makes(values, tmp_path):
    write_archive(tmp_path / "whole", {}, {"x": values})
    write_archive(tmp_path / "parts", {}, {"x": in_parts(values)})
    np.testing.assert_array_equal(read_archive(tmp_path / "parts")[1]["x"], values)
    assert (tmp_path / "whole").stat().st_size == (tmp_path / "parts").stat().st_size


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: Parts((21, 2), x.dtype, [x]), "x must have 21 rows, but its parts have 20"),
        (lambda x: Parts((20, 2), np.float64, [x]), r"a part of x is float32 of shape \(20, 2\)"),
        (lambda x: Parts((20, 3), x.dtype, [x]), r"a part of x is float32 of shape \(20, 2\)"),
    ],
)
def test_parts_that_do_not_fit_write_nothing(values, tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        write_archive(tmp_path / "x", {}, {"x": change(values)})
    assert not list(tmp_path.iterdir())


def test_arrays_are_read_part_by_part(values, tmp_path):
    write_archive(tmp_path / "x", {}, {"x": values, "y": values[:, 0]})
    with open_archive(tmp_path / "x", {"x", "z"}) as (_, arrays, streams):
        assert (set(arrays), set(streams)) == ({"y"}, {"x"})
        stream = streams["x"]
        assert (stream.shape, stream.dtype) == ((20, 2), np.float32)
        parts = [stream.take(size) for size in (3, 0, 17)]
        stream.finish()
    np.testing.assert_array_equal(np.concatenate(parts), values)


def test_streams_of_a_damaged_file(tmp_path):
    values, path = np.arange(10_000), tmp_path / "x"
    write_archive(path, {}, {"x": values})
    content = bytearray(path.read_bytes())
    content[content.index(values.tobytes()) + 70_000] ^= 1
    path.write_bytes(content)
    with (
        open_archive(path, {"x"}) as (_, _, streams),
        pytest.raises(ValueError, match="x is truncated or damaged: Bad CRC-32"),
        damage(path),
    ):
        streams["x"].take(len(values))


def test_a_stream_that_is_not_read_to_its_end(values, tmp_path):
    write_archive(tmp_path / "x", {}, {"x": values, "y": np.asfortranarray(values)})
    with open_archive(tmp_path / "x", {"x", "y"}) as (_, _, streams):
        streams["x"].take(19)
        with pytest.raises(ValueError, match="longer than its shape"):
            streams["x"].finish()
        with pytest.raises(ValueError, match="its columns one after the other"):
            streams["y"].take(2)
