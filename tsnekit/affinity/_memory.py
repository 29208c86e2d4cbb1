"""How much memory a fit needs, computed before it starts, and how much there is."""

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
"""An index, a distance, a weight and one entry of P, or two for an edge without its reverse."""

MEMBERSHIP = Path("/proc/self/cgroup")
"""The file in which Linux lists the cgroups of the process."""

CGROUPS = Path("/sys/fs/cgroup")
"""Where cgroups are mounted."""


def affinities_bytes(n_samples: int, n_neighbors: int) -> int:
    """Return the peak memory of the neighbors and affinities of a data set.

    A fit certainly needs this much, so that no fit is refused that has enough memory. The
    optimization needs less, or hardly more if it makes a compact copy of the affinities of a large
    map. A neighbor search needs less too, apart from its copy of the data.
    """
    return BYTES_PER_NEIGHBOR * n_samples * n_neighbors


def machine_bytes() -> int | None:
    """Return the memory of the machine, or the limit of the process's cgroup if that is lower.

    Return None if the system does not say.
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
    """Return the files with the memory limits of the process's cgroups and of all above them."""
    v2 = CGROUPS, "memory.max"
    v1 = CGROUPS / "memory", "memory.limit_in_bytes"
    # In a container, the path may only exist on the host. The container then sees the root.
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
    value : int, str or None
        A number of bytes, or a text with a unit such as "4GB" or "512 MiB"; None for the limit of
        the machine.

    Raises
    ------
    TypeError, ValueError
        If `value` is none of these, or not positive.
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

    Without `memory_limit`, the memory of the machine is the limit.

    Raises
    ------
    MemoryError
        If there is not enough memory.
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
