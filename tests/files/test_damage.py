"""Damaged and hostile files: each is a ValueError that says what is wrong."""

import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import tsnekit
from helpers.saved import HEADER, npy, parts, put, put_together
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


def test_foreign_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        tsnekit.load(tmp_path / "nothing")
    for name, content in (
        ("empty", b""),
        ("text", b"x,y\n1,2\n" * 30),
        ("pickle", pickle.dumps([1])),
    ):
        (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, f"{name} is not a file that tsnekit saved")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    refused(tmp_path / "other.npz", "not a file that tsnekit saved")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9, 0.999])
def test_truncated_files(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path, "is truncated or damaged")


@pytest.mark.parametrize("place", [0.02, 0.2, 0.5, 0.8])
def test_a_flipped_bit_is_noticed(path, place):
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 4
    path.write_bytes(content)
    refused(path, "truncated or damaged")


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members(path, kind):
    put_together(path, *parts(path), kind)
    refused(path, "is compressed")


LIMITED = """
import resource, sys
import tsnekit
from tsnekit import TSNE, TSNEEmbedding, affinity  # before the limit

used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    tsnekit.load(sys.argv[1])
except ValueError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts in other units")
@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_a_file_takes_no_more_memory_than_its_size_allows(path, kind):
    header, arrays = parts(path)
    zeros = npy(np.zeros(2**25, dtype=np.float32))  # 128 MB, compressed to 0.1 MB
    if kind == zipfile.ZIP_STORED:
        zeros = zeros[:1000]  # the header still states their shape
    rest = [(f"{name}.npy", npy(each)) for name, each in arrays.items() if name != "positions"]
    put(path, [(HEADER, json.dumps(header)), ("positions.npy", zeros), *rest], kind)
    arguments = [sys.executable, "-I", "-c", LIMITED, str(path)]
    taken = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    assert int(taken) < 50_000


@pytest.mark.parametrize("name", ["positions.npy", HEADER])
def test_a_member_that_is_there_twice(path, name):
    header, arrays = parts(path)
    members = [(HEADER, json.dumps(header))]
    members += [(f"{each}.npy", npy(array)) for each, array in arrays.items()]
    with pytest.warns(UserWarning, match="Duplicate name"):
        put(path, [*members, (name, dict(members)[name])])
    refused(path, "holds .* twice")


def central_directory(content):
    """Return the places of the entries of the central directory."""
    place = content.find(b"PK\x01\x02")
    while place >= 0:
        yield place
        place = content.find(b"PK\x01\x02", place + 1)


@pytest.mark.parametrize(
    ("offset", "format", "value"),
    [
        (8, "<H", 1),  # encrypted
        (20, "<I", 2**31),  # packed size
        (24, "<I", 2**31),  # size
        (42, "<I", 2**32 - 2),  # where the member is
        (42, "<I", 0),
        (6, "<H", 99),  # the version that is needed
    ],
)
def test_a_directory_that_lies(path, offset, format, value):
    content = bytearray(path.read_bytes())
    place = list(central_directory(content))[1]
    struct.pack_into(format, content, place + offset, value)
    path.write_bytes(content)
    refused(path, "truncated or damaged")


def test_members_that_share_their_bytes(path):
    # Many names refer to one array. Each array by itself is shorter than the file.
    header, arrays = parts(path)
    arrays = {f"rows{i}": np.zeros(20_000) for i in range(20)}
    put_together(path, header, arrays)
    content = bytearray(path.read_bytes())
    whole = list(central_directory(content))
    first = content[whole[1] + 42 : whole[1] + 46]
    for place in whole[2:]:
        content[place + 42 : place + 46] = first
    start = content.find(b"PK\x03\x04", 10)
    second = content.find(b"PK\x03\x04", start + 10)
    directory = content[whole[0] :]
    end = directory.rfind(b"PK\x05\x06")
    struct.pack_into("<I", directory, end + 16, second)
    path.write_bytes(content[:second] + directory)
    refused(path, "longer than the file|truncated or damaged")


@pytest.mark.parametrize(
    "described",
    [
        "{'descr': '|O', 'fortran_order': False, 'shape': (60, 2), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (60, 1000000000), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-60, -2), }",
        "{'descr': '<f3', 'fortran_order': False, 'shape': (60, 2), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9999999999999999999999), }",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (60, 2), }",
        "(" * 5000,
    ],
)
def test_headers_of_arrays(path, described):
    header, arrays = parts(path)
    text = described.encode() + b"\n"
    body = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    members = [(f"{name}.npy", npy(array)) for name, array in arrays.items()]
    members = [(name, body + bytes(480) if "positions" in name else each) for name, each in members]
    put(path, [(HEADER, json.dumps(header)), *members])
    refused(path, "positions.npy")


def test_nothing_is_unpickled(path):
    class Bomb:
        def __reduce__(self):
            return (os.abort, ())

    header, arrays = parts(path)
    put_together(path, header, arrays | {"positions": np.array([[Bomb()]], dtype=object)})
    refused(path, "'positions.npy' is not an array of numbers")


# -- The header ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "[1, 2]",
        "null",
        "",
        "\x00",
        '{"format": "tsnekit", "version": 1, "version": 1}',
        '{"format": "tsnekit", "version": 1.5}',
        '{"format": "tsnekit", "version": true}',
        '{"format": "other", "version": 1}',
        '{"version": 1}',
        '{"format": "tsnekit", "version": 1e999}',
    ],
)
def test_broken_headers(path, text):
    _, arrays = parts(path)
    put(path, [(HEADER, text), *((f"{name}.npy", npy(each)) for name, each in arrays.items())])
    refused(path, "truncated or damaged")
