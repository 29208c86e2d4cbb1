"""The repulsive forces between all pairs of points, on any device of PyTorch."""

import contextlib

import torch

__all__ = ["TorchRepulsionMethod"]


class TorchRepulsionMethod:
    """Sum over all pairs, in blocks of rows.

    Parameters
    ----------
    device : str, default="auto"
        For example "cpu", "cuda" or "cuda:1"; "auto" is a CUDA device, if there is one.
    pairs_per_block : int, default=2**22
        How many pairs are computed at once. Each pair takes some 20 bytes.
    """

    def __init__(self, *, device="auto", pairs_per_block=2**22):
        if not isinstance(pairs_per_block, int) or pairs_per_block < 1:
            raise ValueError(f"pairs_per_block must be a positive integer, got {pairs_per_block!r}")
        self.device = device
        self.pairs_per_block = pairs_per_block
        self._device = _checked_device(device)

    def plan(self, problem):
        """Move the reference, if there is one, to the device."""
        return TorchRepulsion(problem, self._device, self.pairs_per_block)


class TorchRepulsion:
    """The repulsion of one problem; tsnekit calls it once per iteration."""

    def __init__(self, problem, device, pairs_per_block):
        self._dof = problem.dof
        self._n_jobs = problem.n_jobs
        self._device = device
        self._pairs_per_block = pairs_per_block
        self._sources = None if problem.reference is None else self._columns(problem.reference)

    def __call__(self, Y, out, row_z=None):
        """Fill `out` with forces and, if it is given, `row_z` with Z_i; return Z."""
        with _threads(self._n_jobs):
            points = self._columns(Y)
            sources = points if self._sources is None else self._sources
            forces = torch.empty_like(points)
            z = torch.empty(points.shape[1], dtype=torch.float64, device=self._device)
            rows = max(1, self._pairs_per_block // sources.shape[1])
            for first in range(0, points.shape[1], rows):
                self._add_block(points, sources, slice(first, first + rows), forces, z)
            out[:] = forces.T.cpu().numpy()
            z = z.cpu().numpy()
        if row_z is not None:
            row_z[:] = z
        return float(z.sum())

    def _columns(self, Y):
        """Return positions (d, n) on the device, as a copy, because `Y` may be read-only."""
        return torch.tensor(Y.T, dtype=torch.float32).contiguous().to(self._device)

    def _add_block(self, points, sources, block, forces, z):
        offset = points[:, block, None] - sources[:, None, :]  # (d, rows, sources)
        w = 1 / (1 + offset.square().sum(0) / self._dof)
        kernel = w if self._dof == 1 else w.pow(self._dof)
        if self._sources is None:
            own = torch.arange(block.start, block.start + len(w), device=self._device)
            kernel[own - block.start, own] = 0  # no point acts on itself
        z[block] = kernel.sum(1, dtype=torch.float64)
        forces[:, block] = (offset * (kernel * w)).sum(2)


def _checked_device(name):
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device={name!r} cannot be used: {reason}") from error
    return device


@contextlib.contextmanager
def _threads(n_jobs):
    """Set the number of threads of PyTorch, and restore the old number at the end."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_jobs)
    try:
        yield
    finally:
        torch.set_num_threads(before)
