"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

__all__ = ["replacing"]


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file to write: an existing file stays until the new one is complete.

    A symbolic link stays, and the file that it names is written. An existing file keeps its mode.

    Parameters
    ----------
    path : path-like

    Yields
    ------
    file
        Binary; it takes its place when the block ends without an error.

    Raises
    ------
    OSError
        If the file cannot be written, or the path leads to something other than a file.
    """
    target = Path(os.path.realpath(path))
    mode = _existing_mode(target)
    # This name does not contain the name of the file, since file systems limit the length of names.
    temporary = target.with_name(f".tsnekit-{uuid.uuid4().hex}.part")
    try:
        with open(temporary, "xb") as file:
            if mode is not None:
                os.chmod(temporary, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _existing_mode(target: Path) -> int | None:
    """Return the permissions of the file that is there, if any."""
    try:
        found = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(target))
    if not stat.S_ISREG(found):
        raise OSError(errno.EINVAL, "not a regular file", str(target))
    return stat.S_IMODE(found)
