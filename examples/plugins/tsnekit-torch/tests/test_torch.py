"""Tests of the parts that only this method has."""

import numpy as np
import pytest

from tsnekit import TSNE
from tsnekit.interfaces import RepulsionProblem

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from tsnekit_torch.repulsion import TorchRepulsionMethod  # noqa: E402

Y = (np.random.default_rng(0).normal(size=(700, 2)) * 10).astype(np.float32)


def repulsion(n_jobs=1, **options):
    problem = RepulsionProblem(n_samples=len(Y), n_components=2, n_jobs=n_jobs)
    out = np.empty_like(Y)
    z = TorchRepulsionMethod(**options).plan(problem)(Y, out)
    return out, z


@pytest.mark.parametrize("pairs_per_block", [1, 1_000, 10**9])
def test_blocks_change_nothing_but_the_rounding(pairs_per_block):
    forces, z = repulsion(device="cpu")
    other, other_z = repulsion(device="cpu", pairs_per_block=pairs_per_block)
    np.testing.assert_allclose(other, forces, rtol=1e-4, atol=1e-4)
    assert other_z == pytest.approx(z, rel=1e-6)


def test_the_threads_of_torch_stay_as_they_were():
    before = torch.get_num_threads()
    repulsion(n_jobs=before + 1, device="cpu")
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("device", ["no-such-device", "cuda:99", "meta!", 1.5])
def test_devices_that_cannot_be_used_are_refused(device):
    with pytest.raises(ValueError, match=r"device=.* cannot be used"):
        TorchRepulsionMethod(device=device)


@pytest.mark.parametrize("pairs", [0, -1, 2.5])
def test_bad_block_sizes_are_refused(pairs):
    with pytest.raises(ValueError, match="pairs_per_block must be a positive integer"):
        TorchRepulsionMethod(pairs_per_block=pairs)


def test_makes_the_map_that_exact_summation_makes():
    X = np.random.default_rng(0).normal(size=(150, 5))
    options = {"early_exaggeration_iter": 20, "n_iter": 0, "perplexity": 10, "random_state": 0}
    found, expected = (
        np.asarray(TSNE(negative_gradient_method=method, **options).fit(X))
        for method in ("torch", "exact")
    )
    np.testing.assert_allclose(found, expected, atol=1e-3 * np.abs(expected).max())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu():
    forces, z = repulsion(device="cpu")
    on_device, device_z = repulsion(device="cuda")
    np.testing.assert_allclose(on_device, forces, rtol=1e-4, atol=1e-4)
    assert device_z == pytest.approx(z, rel=1e-6)
