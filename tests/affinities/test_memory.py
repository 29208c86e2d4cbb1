"""A fit that needs too much memory is refused before it starts, and no other fit is."""

import subprocess
import sys

import numpy as np
import pytest

from tsnekit import TSNE, sklearn
from tsnekit.affinity import _memory as memory

QUICK = {"early_exaggeration_iter": 5, "n_iter": 5, "random_state": 0}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None), (1, 1), (10**12, 10**12), ("5", 5), ("5 B", 5), ("4GB", 4 * 10**9),
        ("4 gb", 4 * 10**9), ("1.5GiB", 1.5 * 2**30), ("512 MiB", 2**29), ("1T", 10**12),
        (np.int64(7), 7), ("3kb", 3000),
    ],
)  # fmt: skip
def test_limits(given, expected):
    assert memory.parse_bytes("memory_limit", given) == expected


@pytest.mark.parametrize(
    "bad", ["", "GB", "-1GB", "0GB", "0.4B", "0.0001K", "4 XB", "1e9", "nan", 0, -5]
)
def test_limits_that_are_none(bad):
    with pytest.raises(ValueError, match="memory_limit must be"):
        TSNE(memory_limit=bad).fit(np.ones((9, 2)))


@pytest.mark.parametrize("bad", [1.5, [4], True])
def test_limits_of_a_wrong_type(bad):
    with pytest.raises(TypeError, match="memory_limit must be an integer"):
        TSNE(memory_limit=bad).fit(np.ones((9, 2)))


@pytest.mark.parametrize("model", [TSNE, sklearn.TSNE])
def test_a_fit_beyond_the_limit_is_refused_before_it_starts(model, blobs, monkeypatch):
    monkeypatch.setattr("tsnekit._native.refine.scan_rows", None)
    limit = memory.affinities_bytes(300, 90) - 1
    message = r"90 neighbors of each of 300 rows need 0.00054 GB .* memory_limit allows .* smaller"
    with pytest.raises(MemoryError, match=message):
        model(memory_limit=limit).fit(blobs)
    monkeypatch.undo()
    assert model(memory_limit=limit + 1, **QUICK).fit(blobs) is not None


def test_a_fit_beyond_the_machine_is_refused(blobs, monkeypatch):
    monkeypatch.setattr(memory, "machine_bytes", lambda: 1000)
    with pytest.raises(MemoryError, match="the machine has 1e-06 GB"):
        TSNE().fit(blobs)
    monkeypatch.setattr(memory, "machine_bytes", lambda: None)
    TSNE(**QUICK).fit(blobs)


@pytest.mark.parametrize(
    ("membership", "file"),
    [
        ("0::/\n", "memory.max"),
        ("0::/user/job\n", "memory.max"),
        ("0::/user/job\n", "user/memory.max"),
        ("0::/user/job\n", "user/job/memory.max"),
        ("0::/seen/by/the/host\n", "memory.max"),
        ("0::/../outside\n", "memory.max"),
        ("5:cpu,memory:/job\n0::/user\n", "memory/memory.limit_in_bytes"),
        ("5:cpu,memory:/user/job\n0::/\n", "memory/user/memory.limit_in_bytes"),
        ("5:memory:/user/job\n0::/\n", "memory/user/job/memory.limit_in_bytes"),
        (None, "memory.max"),
        ("nonsense", "memory/memory.limit_in_bytes"),
    ],
)
def test_every_cgroup_of_the_process_counts(monkeypatch, tmp_path, membership, file):
    physical = memory.machine_bytes()
    listed = tmp_path / "cgroup"
    if membership is not None:
        listed.write_text(membership)
    monkeypatch.setattr(memory, "MEMBERSHIP", listed)
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "mounted")
    limit = tmp_path / "mounted" / file
    limit.parent.mkdir(parents=True)
    for text, expected in (("1000\n", 1000), ("max\n", None), (str(2**62), None)):
        limit.write_text(text)
        found = memory.machine_bytes()
        assert found == expected if expected else found is None or found >= physical


def test_cgroups_that_the_process_is_not_in_do_not_count(monkeypatch, tmp_path):
    (tmp_path / "cgroup").write_text("5:cpu:/other\n0::/job\n")
    monkeypatch.setattr(memory, "MEMBERSHIP", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    for file in ("other/memory.max", "memory/other/memory.limit_in_bytes"):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_text("1000")
    assert memory.machine_bytes() != 1000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_fit_takes_about_the_estimated_memory():
    """The estimate is not above what a fit takes: no possible fit is refused. It is not far off."""
    code = r"""
import re, numpy as np
from tsnekit import TSNE
from tsnekit.affinity._memory import affinities_bytes
def peak():
    return int(re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1]) * 1024
rng = np.random.default_rng(0)
quick = dict(neighbors="hnsw", n_iter=2, early_exaggeration_iter=2, perplexity=100, random_state=0)
TSNE(**quick).fit(rng.normal(size=(1000, 4)))
before = peak()
TSNE(**quick).fit(rng.normal(size=(8_000, 4)))
print((peak() - before) / affinities_bytes(8_000, 300))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert 1 < float(done.stdout) < 2
