"""Functions that split saved maps into parts and join them, with NumPy and zipfile only."""

import io
import json
import zipfile

import numpy as np

HEADER = "tsnekit.json"


def parts(path):
    """Return the header and the arrays of a file."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files if name != HEADER}
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(HEADER)), arrays


def npy(array):
    """Return an array as the bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def put(path, members, compression=zipfile.ZIP_STORED):
    """Write members, each with a name and bytes or text. A name may occur twice."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)


def put_together(path, header, arrays, compression=zipfile.ZIP_STORED):
    """Write a file of a header and arrays."""
    members = [(f"{name}.npy", npy(array)) for name, array in arrays.items()]
    put(path, [(HEADER, json.dumps(header)), *members], compression)
