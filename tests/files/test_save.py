"""What saving does to the file system."""

import errno
import os
import stat
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import tsnekit
from tsnekit import TSNEEmbedding
from tsnekit.affinity import PrecomputedAffinities


@pytest.fixture
def embedding():
    positions = np.random.default_rng(0).normal(size=(30, 2))
    return TSNEEmbedding(positions, PrecomputedAffinities(np.ones((30, 30)) - np.eye(30)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "map.tsne"


@pytest.mark.parametrize("after", [0, 2000])
def test_a_full_disk_leaves_the_old_file(embedding, path, monkeypatch, after):
    embedding.save(path)
    before = path.read_bytes()
    written = 0
    write = zipfile._ZipWriteFile.write

    def fill_up(self, data):
        nonlocal written
        written += len(data)
        if written > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(zipfile._ZipWriteFile, "write", fill_up)
    with pytest.raises(OSError, match="No space left"):
        embedding.optimize(1).save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_ctrl_c_leaves_the_old_file(embedding, path, monkeypatch):
    embedding.save(path)
    before = path.read_bytes()

    def press(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", press)
    with pytest.raises(KeyboardInterrupt):
        embedding.optimize(1).save(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


DIE_IN_THE_MIDDLE = """
import os, sys, zipfile
import tsnekit

embedding = tsnekit.load(sys.argv[1])
write = zipfile._ZipWriteFile.write

def die(self, data):
    write(self, data)
    self._fileobj.flush()
    os._exit(9)

zipfile._ZipWriteFile.write = die
embedding.optimize(1).save(sys.argv[1])
"""


def test_a_crash_leaves_the_old_file(embedding, path):
    embedding.save(path)
    before = path.read_bytes()
    died = subprocess.run([sys.executable, "-I", "-c", DIE_IN_THE_MIDDLE, str(path)], check=False)
    assert died.returncode == 9
    assert path.read_bytes() == before


def test_a_link_stays_and_its_target_is_written(embedding, tmp_path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    link.symlink_to(target)
    embedding.save(link)  # to a target that is not there yet
    np.testing.assert_array_equal(tsnekit.load(target), embedding)
    moved = embedding.optimize(3)
    moved.save(link)
    assert link.is_symlink()
    np.testing.assert_array_equal(tsnekit.load(target), moved)
    assert sorted(os.listdir(tmp_path)) == ["folder", "link"]
    assert os.listdir(tmp_path / "folder") == ["target"]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize("wanted", [0o600, 0o640, 0o666, 0o440])
def test_an_existing_file_keeps_its_mode(embedding, path, wanted):
    path.touch()
    path.chmod(wanted)
    embedding.save(path)
    assert mode(path) == wanted


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_new_file_has_the_mode_of_new_files(embedding, path, tmp_path):
    embedding.save(path)
    (tmp_path / "other").touch()
    assert mode(path) == mode(tmp_path / "other")


def test_a_name_may_be_as_long_as_the_file_system_allows(embedding, tmp_path):
    path = tmp_path / ("m" * 230)
    embedding.save(path)
    np.testing.assert_array_equal(tsnekit.load(path), embedding)


def test_only_regular_files_are_replaced(embedding, tmp_path):
    with pytest.raises(IsADirectoryError):
        embedding.save(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="not a regular file"):
            embedding.save(tmp_path / "pipe")
        assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert os.listdir(tmp_path) in ([], ["pipe"])
