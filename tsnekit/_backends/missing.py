"""What stands for a backend of a saved map that cannot be built here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from numpy.typing import NDArray

from tsnekit._util.validation import short_repr
from tsnekit.errors import BackendUnavailableError
from tsnekit.specs import POINTS

__all__ = ["MissingBackend", "check_installed", "name_of_origin"]


def name_of_origin(distribution: str | None, version: str | None) -> str:
    """Return a distribution and its version, for messages."""
    if distribution is None:
        return "an unknown distribution"
    return f"{distribution} {version}" if version else distribution


class MissingBackend:
    """Stands for a backend that a file names and that cannot be built here.

    It has the methods of all interfaces. Each raises the error that says what is missing. So a map
    can be read, drawn and saved again, and fails where it needs the backend.

    Parameters
    ----------
    point : str
        The extension point.
    saved : mapping
        What the file says about the backend; it is saved again as it is.
    reason : str
        Why the backend cannot be built, such as "is not installed".
    arrays : mapping of str to ndarray, optional
        The saved state of an optimizer; it is saved again as it is.
    """

    def __init__(
        self,
        point: str,
        saved: Mapping[str, Any],
        reason: str,
        arrays: Mapping[str, NDArray[Any]] | None = None,
    ) -> None:
        self._point = point
        self._reason = reason
        self._arrays = dict(arrays or {})
        self.saved = dict(saved)

    def __str__(self) -> str:
        origin = name_of_origin(self.saved.get("distribution"), self.saved.get("version"))
        name = short_repr(self.saved["name"])
        return f"{POINTS[self._point].kind} {name} of {origin} {self._reason}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def fail(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise the error that says what is missing.

        Raises
        ------
        BackendUnavailableError
            Always.
        """
        raise BackendUnavailableError(f"the map was saved with a backend that is missing: {self}")

    fit = neighbors = query = fail
    n_neighbors = weights = fail
    plan = prepare = fail
    start = step = restore = fail

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the saved state of an optimizer."""
        return dict(self._arrays)


def check_installed(*backends: Any) -> None:
    """Check that no backend is missing, before work starts that would need it.

    Raises
    ------
    BackendUnavailableError
        If one is missing.
    """
    for backend in backends:
        if isinstance(backend, MissingBackend):
            backend.fail()
