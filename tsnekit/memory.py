"""What a fit takes in memory, told before it starts, and what there is."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Any

from tsnekit.validation import check_integer, short_repr

__all__ = ["affinities_bytes", "check_memory", "machine_bytes", "parse_bytes"]

UNITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "KI": 2**10, "MI": 2**20, "GI": 2**30}
UNITS["TI"] = 2**40

BYTES_PER_NEIGHBOR = 20
"""Of an index, a distance, a weight, and an entry of P, which has two where edges run one way."""

CGROUPS = "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"


def affinities_bytes(n_samples: int, n_neighbors: int) -> int:
    """Return what the neighbors and affinities of a data set take at their peak.

    The optimization takes less, or hardly more where it packs the affinities of a large map, and
    neighbor searches take less beside their copy of the data. It is what surely will be needed, so
    that nothing is refused that fits.

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
    """Return the memory of the machine, or of the cgroup where that has less.

    Returns
    -------
    int or None
        Bytes; None where the system does not say.
    """
    known = []
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not on every system
        known.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in CGROUPS:
        try:
            known.append(int(Path(path).read_text()))
        except (OSError, ValueError):  # no cgroup of that version, or one without a limit
            continue
    return min(known, default=None)


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
        return check_integer(name, value, at_least=1)
    found = re.fullmatch(r"\s*(\d+\.?\d*)\s*([KMGT]I?)?B?\s*", value.upper())
    if found is None or not float(found[1]) > 0:
        raise ValueError(
            f"{name} must be a number of bytes or a text such as '4GB', got {short_repr(value)}"
        )
    return int(float(found[1]) * UNITS[found[2] or ""])


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
