"""How much memory a fit takes, known before it starts, and how much there is."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from tsnekit._util.validation import check_integer, short_repr

__all__ = ["affinities_bytes", "check_memory", "machine_bytes", "parse_bytes"]

UNITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "KI": 2**10, "MI": 2**20, "GI": 2**30}
UNITS["TI"] = 2**40

BYTES_PER_NEIGHBOR = 20
"""An index, a distance, a weight, and an entry of P: two entries where an edge runs one way."""

MEMBERSHIP = Path("/proc/self/cgroup")
"""Where Linux tells which cgroups the process is in."""

CGROUPS = Path("/sys/fs/cgroup")
"""Where cgroups are mounted."""


def affinities_bytes(n_samples: int, n_neighbors: int) -> int:
    """Return what the neighbors and affinities of a data set take at their peak.

    This much is surely needed, so that nothing that fits is refused. The optimization takes less,
    or hardly more where it packs the affinities of a large map. A neighbor search takes less too,
    beside its copy of the data.

    Parameters
    ----------
    n_samples : int
    n_neighbors : int
        Neighbors of each.

    Returns
    -------
    int
        Bytes.
    """
    return BYTES_PER_NEIGHBOR * n_samples * n_neighbors


def machine_bytes() -> int | None:
    """Return the memory of the machine, or of the process's cgroup where that has less.

    Returns
    -------
    int or None
        Bytes; None where the system does not say.
    """
    known = []
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not on every system
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _limit_files():
        try:
            known.append(int(path.read_text()))
        except (OSError, ValueError):  # there is no such cgroup, or it has no limit
            continue
    return min(known, default=None)


def _limit_files() -> list[Path]:
    """Return the files that may limit the memory of the process: of its cgroups and all above."""
    v2 = CGROUPS, "memory.max"
    v1 = CGROUPS / "memory", "memory.limit_in_bytes"
    # Within a container, the path may be one that only the host sees; the root is what it sees.
    files = [root / name for root, name in (v2, v1)]
    try:
        lines = MEMBERSHIP.read_text().splitlines()
    except (OSError, ValueError):  # not on every system
        return files
    for line in lines:
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        root, name = v1 if controllers else v2
        cgroup = PurePosixPath(path.lstrip("/"))
        files += [
            root / each / name for each in (cgroup, *cgroup.parents) if ".." not in each.parts
        ]
    return list(dict.fromkeys(files))


def parse_bytes(name: str, value: Any) -> int | None:
    """Return a limit in bytes.

    Parameters
    ----------
    name : str
        Name of the parameter, for messages.
    value : int, str or None
        A number of bytes, or one with a unit such as "4GB" or "512 MiB"; None for no limit but
        the machine's.

    Returns
    -------
    int or None

    Raises
    ------
    TypeError, ValueError
        If it is none of these, or not positive.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        return check_integer(name, value, at_least=1, at_most=None)
    found = re.fullmatch(r"\s*(\d+\.?\d*)\s*([KMGT]I?)?B?\s*", value.upper())
    limit = 0 if found is None else int(float(found[1]) * UNITS[found[2] or ""])
    if limit < 1:
        raise ValueError(
            f"{name} must be a number of bytes from 1 up, or a text such as '4GB', got "
            f"{short_repr(value)}"
        )
    return limit


def check_memory(n_samples: int, n_neighbors: int, memory_limit: int | None) -> None:
    """Check that there is memory for the affinities of a data set.

    Parameters
    ----------
    n_samples, n_neighbors : int
    memory_limit : int or None
        Bytes; None for what the machine has.

    Raises
    ------
    MemoryError
        If there is not.
    """
    needed = affinities_bytes(n_samples, n_neighbors)
    limit = machine_bytes() if memory_limit is None else memory_limit
    if limit is None or needed <= limit:
        return
    what = "the machine has" if memory_limit is None else "memory_limit allows"
    raise MemoryError(
        f"{n_neighbors} neighbors of each of {n_samples} rows need {needed / 1e9:.3g} GB at least, "
        f"but {what} {limit / 1e9:.3g} GB; a smaller perplexity, an affinity with fewer neighbors, "
        "or a sample of the rows needs less"
    )
