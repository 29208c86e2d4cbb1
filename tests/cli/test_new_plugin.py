"""A new package passes its tests as made, and is refused where it would do harm."""

import re
import subprocess
import sys

import pytest

from tsnekit.cli import main
from tsnekit.cli._templates import KINDS

QUICK = (
    "options or weights or positions or first_step or two_points or scale_bends or rows_on_a_line "
    "or forces_and or test_neighbors or descends or searches_take or distances"
)
"""What the ordinary suite runs of the suites; the slow one runs all of them."""


@pytest.fixture
def site(tmp_path, capsys):
    """Return a folder with a package of each kind, as installations would find them."""
    for kind in KINDS:
        name = "own-" + kind.partition("_")[0]
        folder = tmp_path / kind
        assert main(["new-plugin", name, "--kind", kind, "--folder", str(folder)]) == 0
        said = capsys.readouterr().out
        assert f"cd {folder}" in said
        assert f"tsnekit check {name}" in said
        files = sorted(path.name for path in folder.iterdir())
        module = f"tsnekit_{name.replace('-', '_')}.py"
        test = f"test_{name.replace('-', '_')}.py"
        assert files == ["README.md", "pyproject.toml", test, module]
        assert "<<" not in "".join(path.read_text() for path in folder.iterdir())
        project = (folder / "pyproject.toml").read_text()
        entry = re.search(r"\[project\.entry-points\.tsnekit\]\n(.*)\n", project)[1]
        info = tmp_path / f"tsnekit_{kind}-0.1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: tsnekit-{kind}\nVersion: 0.1.0\n"
        )
        (info / "entry_points.txt").write_text("[tsnekit]\n" + entry.replace('"', "") + "\n")
        (folder / module).rename(tmp_path / module)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def run(site, *options):
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error", *options, str(site)]
    program = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        f"import pytest; sys.exit(pytest.main({options!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, cwd=site
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_package_of_each_kind_passes_as_made(site):
    assert int(re.search(r"(\d+) passed", run(site, "-k", QUICK))[1]) > 3 * len(KINDS)


@pytest.mark.slow
def test_they_pass_all_of_their_suites(site):
    assert " passed" in run(site)


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
