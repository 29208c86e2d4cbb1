"""A new package passes its tests as made, and is refused where it would do harm."""

import re
import subprocess
import sys

import pytest

from tsnekit.cli import main
from tsnekit.cli._templates import KINDS

QUICK = {
    "neighbors": "test_neighbors or test_queries or duplicates or pickles or line or refuses",
    "negative_gradient_method": "forces or normalization or refuses or degenerate or two_points",
}
"""What the ordinary suite runs of the longer suites; the slow one runs all of them."""


def made(folder, kind, name="my-own"):
    assert main(["new-plugin", name, "--kind", kind, "--folder", str(folder)]) == 0
    # What an installation would make of it, without the time of an installation.
    project = (folder / "pyproject.toml").read_text()
    entry = re.search(r"\[project\.entry-points\.tsnekit\]\n(.*)\n", project)[1].replace('"', "")
    info = folder / "site" / "tsnekit_my_own-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tsnekit-my-own\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[tsnekit]\n{entry}\n")
    return folder


def run(folder, *options):
    program = (
        f"import sys; sys.path[:0] = [{str(folder)!r}, {str(folder / 'site')!r}]\n"
        f"import pytest; sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', '-W', 'error', "
        f"'--rootdir', {str(folder)!r}, '-c', {str(folder / 'pyproject.toml')!r}, "
        f"*{list(options)!r}, {str(folder)!r}]))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_it_passes_as_made(tmp_path, kind, capsys):
    folder = made(tmp_path / "new", kind)
    said = capsys.readouterr().out
    assert f"cd {folder}" in said
    assert "tsnekit check my-own" in said
    assert sorted(path.name for path in folder.glob("*.*")) == [
        "README.md",
        "pyproject.toml",
        "test_my_own.py",
        "tsnekit_my_own.py",
    ]
    text = "".join(path.read_text() for path in folder.glob("*.*"))
    assert "<<" not in text
    only = ["-k", QUICK[kind]] if kind in QUICK else []
    assert " passed" in run(folder, *only)


@pytest.mark.slow
@pytest.mark.parametrize("kind", QUICK)
def test_it_passes_all_of_a_long_suite(tmp_path, kind):
    assert " passed" in run(made(tmp_path / "new", kind))


def test_the_folder_has_the_name_of_the_distribution(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["new-plugin", "tsnekit-far_away"]) == 0
    project = (tmp_path / "tsnekit-far-away" / "pyproject.toml").read_text()
    assert 'name = "tsnekit-far-away"' in project
    assert 'far_away = "tsnekit_far_away"' in project
    module = (tmp_path / "tsnekit-far-away" / "tsnekit_far_away.py").read_text()
    assert 'name="far_away"' in module
    assert "class FarAway:" in module


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["My Own"], "NAME must begin with a small letter"),
        (["a--b"], "NAME must begin with a small letter"),
        (["../up"], "NAME must begin with a small letter"),
        (["perplexity"], "affinity 'perplexity' is a name of tsnekit already"),
        (["auto"], "'auto' has a meaning in tsnekit already"),
        (["cosine", "--kind", "metric"], "'cosine' has a meaning in tsnekit already"),
        (["there"], "tsnekit-there exists already; give another --folder"),
    ],
)
def test_what_is_refused(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tsnekit-there").mkdir()
    assert main(["new-plugin", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["tsnekit-there"]
