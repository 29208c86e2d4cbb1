"""The sparse product against SciPy."""

import numpy as np
import pytest
from scipy import sparse
from tsnekit._native.matvec import matvec


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize(
    ("rows", "columns", "density"), [(1, 1, 1), (1_000, 700, 0.05), (50, 9, 0)]
)
def test_matvec(rows, columns, density, n_threads):
    rng = np.random.default_rng(0)
    A = sparse.random(rows, columns, density, "csr", dtype=np.float32, random_state=0)
    x = rng.normal(size=columns).astype(np.float32)
    out = np.full(rows, np.nan, dtype=np.float32)
    matvec(A.indptr.astype(np.int64), A.indices.astype(np.int32), A.data, x, out, n_threads)
    np.testing.assert_allclose(out, A.astype(np.float64) @ x, rtol=1e-4, atol=1e-6)
