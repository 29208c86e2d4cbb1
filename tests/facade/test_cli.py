import importlib.metadata
import inspect
import json
import os
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import tsnekit
from tsnekit._backends import registry as registry_module
from tsnekit._backends.registry import Registry
from tsnekit.cli import main

QUICK = ["--perplexity=10", "--n-iter=50", "--early-exaggeration-iter=20", "--n-jobs=2"]


@pytest.fixture
def table(tmp_path, blobs):
    """Write 60 rows as .npy and return the path."""
    path = tmp_path / "table.npy"
    np.save(path, blobs[:60])
    return path


def test_embed_saves_draws_and_summarizes(tmp_path, capsys):
    output, plot = tmp_path / "map.npy", tmp_path / "map.png"
    code = main(["embed", "iris", "--output", str(output), "--plot", str(plot), *QUICK])
    shown = capsys.readouterr()
    assert code == 0
    assert np.load(output).shape == (150, 2)
    assert plot.read_bytes().startswith(b"\x89PNG")
    for wanted in (
        "150 rows x 4 columns",
        "70 iterations",
        "KL divergence",
        "neighbors",
        "seconds",
    ):
        assert wanted in shown.out
    assert "KL" in shown.err  # the progress bar


def test_embed_json_is_for_machines(capsys):
    assert main(["embed", "wine", "--json", "--quiet", *QUICK]) == 0
    shown = capsys.readouterr()
    summary = json.loads(shown.out)
    assert summary["n_samples"] == 178
    assert summary["backends"]["neighbors"]["name"] == "exact"
    assert summary["kl_divergence"] > 0
    assert {"neighbors", "affinities", "initialization", "optimization"} <= set(summary["seconds"])
    assert shown.err == ""


def test_report(tmp_path, capsys):
    report = tmp_path / "report.png"
    assert main(["embed", "wine", "--report", str(report), "--json", "--quiet", *QUICK]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert report.read_bytes().startswith(b"\x89PNG")
    assert 0 < summary["diagnostics"]["neighbors_kept"] < 1
    assert main(["embed", "wine", "--report", str(report), "--quiet", *QUICK]) == 0
    assert "trustworthiness  " in capsys.readouterr().out


def test_same_seed_gives_the_same_map(table, tmp_path):
    maps = []
    for name in ("a.npy", "b.npy"):
        main(["embed", str(table), "--output", str(tmp_path / name), "--quiet", *QUICK])
        maps.append(np.load(tmp_path / name))
    np.testing.assert_array_equal(*maps)


def test_parameters_reach_the_facade(table, tmp_path, capsys):
    arguments = [
        "--n-components=1", "--perplexity=5,10", "--learning-rate=20", "--max-step-norm=none",
        "--neighbors=exact", "--negative-gradient-method=bh", "--gradient-params", "theta=0.3",
        "--pca=3", "--initialization=random", "--json", "--quiet",
    ]  # fmt: skip
    assert main(["embed", str(table), *QUICK, *arguments]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["n_components"] == 1
    assert summary["n_features"] == 3
    assert summary["backends"]["negative_gradient_method"]["name"] == "barnes_hut"
    assert summary["backends"]["affinity"]["name"] == "multiscale_mixture"
    assert summary["backends"]["initialization"]["name"] == "random"


def test_force_terms_and_their_options(table, tmp_path, capsys, fake_entry_points, monkeypatch):
    registry = Registry(fake_entry_points("tsnekit-good"))
    monkeypatch.setattr(registry_module, "_load_registry", lambda: registry)
    saved = tmp_path / "map.tsnekit"
    forces = ["--forces", "good_force", "strength=2", "weight=3", "good_force", "start=0.5"]
    assert main(["embed", str(table), *QUICK, *forces, "--output", str(saved), "--quiet"]) == 0
    kept = [tuple(each) for each in tsnekit.load(saved).gradient_descent_params["forces"]]
    assert kept == [("good_force", {"strength": 2, "weight": 3}), ("good_force", {"start": 0.5})]
    capsys.readouterr()
    transform = ["transform", str(saved), str(table), "--n-iter=5", "--quiet"]
    assert main(transform) == 2
    assert "forces=None leaves the term out" in capsys.readouterr().err
    assert main([*transform, "--forces", "none"]) == 0
    assert main(["embed", str(table), "--forces", "weight=3"]) == 2
    assert "--forces must begin with a name, got weight=3" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".npz"])
@pytest.mark.parametrize("header", [True, False])
def test_kinds_of_files(tmp_path, blobs, ending, header):
    path, output = tmp_path / f"table{ending}", tmp_path / "map.csv"
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"class {i % 3}\n" for i in range(40)))
    if ending == ".npz":
        np.savez(path, **{"X" if header else "other": blobs[:40]})
    else:
        delimiter = "," if ending == ".csv" else "\t"
        names = delimiter.join(f"c{i}" for i in range(10)) if header else ""
        np.savetxt(path, blobs[:40], delimiter=delimiter, header=names, comments="")
    arguments = ["--labels", str(labels), "--plot", str(tmp_path / "p.svg"), "--quiet", *QUICK]
    assert main(["embed", str(path), "--output", str(output), *arguments]) == 0
    lines = output.read_text().splitlines()
    assert lines[0] == "row,label,tsne1,tsne2"
    assert len(lines) == 41


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-file"], "neither a file nor a data set"),
        (["iris", "--neighbors", "anoy"], "did you mean 'annoy'"),
        (["iris", "--negative-gradient-method", "ffft"], "did you mean 'fft'"),
        (["iris", "--affinity", "x"], "affinity='x'"),
        (["iris", "--initialization", "x"], "initialization='x'"),
        (["iris", "--optimizer", "x"], "optimizer='x'"),
        (["no-such-file", "--metric", "cosin"], "registered metric; did you mean 'cosine'?"),
        (["iris", "--metric", "x"], "metric='x'"),
        (["iris", "--n-jobs", "0"], "n_jobs=0"),
        (["iris", "--perplexity", "-3"], "perplexity"),
        (["iris", "--learning-rate", "-3"], "learning_rate must be greater than 0"),
        (["iris", "--output", "map.txt"], "--output must end in .csv or .tsv"),
        (["iris", "--plot", "no-such-folder/map.png"], "does not exist"),
        (["iris", "--pca", "9"], "--pca must be between 1 and 4"),
        (["iris", "--labels", "no-such-file"], "labels file"),
        (["iris", "--neighbors-params", "n_trees=5"], "neighbors_params: 'n_trees'"),
        (["iris", "--forces", "x"], "forces='x' is not the name of a registered force term"),
        (["iris", "--title", "x"], "--title has no effect without --plot or --html"),
        (["iris", "--size", "3x3", "--html", "x.html"], "--size has no effect without --plot"),
        (["iris", "--key", "x"], "--key has no effect on iris; it is for a .npz file"),
        (["iris", "--tolerance", "1"], "--tolerance has no effect without --n-iter auto"),
        (
            ["iris", "--affinity", "uniform", "--perplexity", "5"],
            "--perplexity has no effect with --affinity uniform",
        ),
        (
            ["iris", "--min-num-intervals", "5"],
            "--min-num-intervals has no effect with the gradient method barnes_hut",
        ),
    ],
)
def test_errors_are_one_line_and_exit_code_2(arguments, message, capsys):
    assert main(["embed", *arguments, "--quiet"]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("tsnekit: error: ")
    assert shown.err.count("\n") == 1
    assert message in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND (see tsnekit --help)"),
        (["embed"], "the following arguments are required: INPUT (see tsnekit embed --help)"),
        (["embd"], "new-plugin, got 'embd'; did you mean 'embed'?"),
        (["embed", "iris", "--legend", "sid"], "map or none, got 'sid'; did you mean 'side'?"),
        (["embed", "iris", "--n-iter", "many"], "--n-iter: must be an integer or auto, got 'many'"),
        (["embed", "iris", "--dof", "x"], "--dof: must be a number, got 'x'"),
        (["embed", "iris", "--learning-rate", "x"], "must be a number or auto, got 'x'"),
        (["embed", "iris", "--max-step-norm", "x"], "must be a number or none, got 'x'"),
        (["embed", "iris", "--perplexity", "5,x"], "or several with commas between them, got 'x'"),
        (["embed", "iris", "--n-jobs", "1.5"], "must be an integer or none, got '1.5'"),
        (["embed", "iris", "--metric-params", "p"], "must be of the form KEY=VALUE, got 'p'"),
        (["embed", "iris", "--perplexty=3"], "unknown option --perplexty; did you mean '--perplex"),
        (["embed", "iris", "--perp", "3"], "unknown option --perp"),
        (["embed", "iris", "wine"], "unknown argument wine"),
        (["plugins", "--jsn"], "unknown option --jsn; did you mean '--json'?"),
        (["--verson", "info"], "unknown option --verson; did you mean '--version'?"),
    ],
)
def test_usage_errors_are_one_line_and_exit_code_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("tsnekit: error: ")
    assert shown.err.count("\n") == 1
    assert message in shown.err
    assert shown.out == ""


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"tsnekit {importlib.metadata.version('tsnekit')}\n"


def test_every_parameter_of_the_class_is_an_option(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit):
        main(["embed", "--help"])
    entries = [" ".join(entry.split()) for entry in capsys.readouterr().out.split("\n  --")]
    for name, parameter in inspect.signature(tsnekit.TSNE).parameters.items():
        option = name.replace("_", "-")
        shown = [entry for entry in entries if entry.split()[0] == option]
        if name in ("callbacks", "verbose"):
            assert not shown
            continue
        default = {"n_jobs": -1, "random_state": 0}.get(name, parameter.default)
        assert len(shown) == 1, name
        assert ("(default" in shown[0]) == (default is not None)
        assert default is None or shown[0].endswith(f"(default {default})")
        assert len(shown[0].split()) > 4, f"{option} is not described"


# -- Files that are read are not written -----------------------------------------------------------


def links(tmp_path, target, ending):
    """Yield other paths of a file, with the given ending."""
    if target.suffix == ending:
        yield target
        (tmp_path / "folder").mkdir(exist_ok=True)
        yield tmp_path / "folder" / ".." / target.name
    soft, hard = tmp_path / f"soft{ending}", tmp_path / f"hard{ending}"
    soft.symlink_to(target)
    os.link(target, hard)
    yield from (soft, hard)


@pytest.mark.parametrize("option", ["--output", "--plot", "--report"])
@pytest.mark.parametrize("source", ["INPUT", "--labels"])
def test_no_input_is_overwritten(tmp_path, blobs, capsys, option, source):
    data, labels = tmp_path / "data.npy", tmp_path / "labels.csv"
    np.save(data, blobs[:40])
    labels.write_text("a\n" * 40)
    target = data if source == "INPUT" else labels
    before = data.read_bytes(), labels.read_bytes()
    ending = target.suffix if option == "--output" else ".png"
    for path in links(tmp_path, target, ending):
        arguments = ["embed", str(data), "--labels", str(labels), option, str(path)]
        assert main([*arguments, "--quiet", *QUICK]) == 2
        assert f"{option} would overwrite {source}: '{path}'" in capsys.readouterr().err
        assert (data.read_bytes(), labels.read_bytes()) == before


def test_standard_input_is_not_overwritten(tmp_path, blobs):
    path = tmp_path / "data.csv"
    np.savetxt(path, blobs[:40], delimiter=",")
    before = path.read_bytes()
    arguments = [sys.executable, "-m", "tsnekit.cli", "embed", "-", "--output", str(path), *QUICK]
    with path.open() as file:
        done = subprocess.run(arguments, stdin=file, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"--output would overwrite INPUT: '{path}' is '-'" in done.stderr
    assert path.read_bytes() == before


def test_two_outputs_are_two_files(tmp_path, table, capsys):
    picture = tmp_path / "p.png"
    arguments = ["embed", str(table), "--plot", str(picture), "--quiet", *QUICK]
    for other in (picture, tmp_path / "." / "p.png"):
        assert main([*arguments, "--report", str(other)]) == 2
        assert "--plot and --report are the same file" in capsys.readouterr().err
    (tmp_path / "soft.png").symlink_to(tmp_path / "map.npy")  # which does not exist yet
    arguments = ["embed", str(table), "--output", str(tmp_path / "map.npy"), "--quiet", *QUICK]
    assert main([*arguments, "--plot", str(tmp_path / "soft.png")]) == 2
    assert "--output and --plot are the same file" in capsys.readouterr().err
    assert not picture.exists()
    assert not (tmp_path / "map.npy").exists()


def test_a_schedule_is_one_option_and_the_summary_says_what_ended_each_phase(capsys):
    command = ["embed", "iris", "--schedule", "converge", "--quiet"]
    assert main([*command, "--json"]) == 0
    phases = json.loads(capsys.readouterr().out)["phases"]
    assert list(phases) == ["early exaggeration", "optimization"]
    assert phases["optimization"]["iterations"] >= 100
    assert "changed by no more than 0.02" in phases["optimization"]["ended because"]
    assert main([*command, "--early-exaggeration-iter", "3", "--n-iter", "auto"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^early exaggeration +3 +it took the given number", shown, re.MULTILINE)
    assert re.search(r"^optimization +\d+ +the KL divergence changed", shown, re.MULTILINE)


def test_ctrl_c_keeps_the_map(tmp_path, monkeypatch, capsys):
    from tsnekit._descent import loop as optimize

    original, calls = optimize.descend, []

    def interrupted(Y, gradient, optimizer, course, **others):
        calls.append(course.phase.name)
        original(Y, gradient, optimizer, course, **others)
        raise KeyboardInterrupt

    monkeypatch.setattr("tsnekit._embedding.base.descend", interrupted)
    output = tmp_path / "map.npy"
    assert main(["embed", "iris", "--output", str(output), "--quiet", *QUICK]) == 130
    assert calls == ["early exaggeration"]
    assert np.isfinite(np.load(output)).all()
    assert "keeping the map" in capsys.readouterr().err


def test_plugins_lists_every_backend(capsys):
    from tsnekit._backends.registry import default_registry
    from tsnekit.specs import POINTS

    assert main(["plugins"]) == 0
    table = capsys.readouterr().out
    assert main(["plugins", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["failures"] == []
    names = {(backend["point"], backend["name"]) for backend in listed["backends"]}
    for point in POINTS:
        for found in default_registry().all(point):
            assert (point, found.spec.name) in names
            assert found.spec.name in table


@pytest.fixture
def fake_registry(monkeypatch, fake_entry_points):
    """Return a function that puts some of the fake plugins beside the built-ins."""
    from tsnekit._backends.registry import Registry

    def registry_of(*names):
        registry = Registry(fake_entry_points(*names))
        monkeypatch.setattr("tsnekit._backends.registry.default_registry", lambda: registry)

    return registry_of


def test_metrics_by_search(capsys):
    assert main(["plugins", "--metrics", "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["hnsw"] == {"dense": ["cosine", "euclidean", "sqeuclidean"], "sparse": []}
    assert "jaccard" in metrics["exact"]["sparse"]
    assert main(["plugins", "--metrics"]) == 0
    assert "hnsw: cosine, euclidean, sqeuclidean\n" in capsys.readouterr().out


def test_the_progress_does_not_tell_what_the_summary_tells(capsys):
    assert main(["embed", "iris", *QUICK]) == 0
    shown = capsys.readouterr()
    assert "fewer than 1,000 rows" in shown.out
    assert "fewer than 1,000 rows" not in shown.err
    assert "it took the given number" not in shown.err
    assert "early exaggeration" in shown.err


def test_plugins_shows_the_broken_ones(fake_registry, capsys):
    from tsnekit.errors import PluginWarning

    with pytest.warns(PluginWarning):
        fake_registry("tsnekit-broken", "tsnekit-good")
    main(["plugins"])
    table = capsys.readouterr().out
    assert "good_optimizer" in table
    row = next(line for line in table.splitlines() if " good_optimizer " in line)
    assert row.split() == ["optimizer", "good_optimizer", "-", "tsnekit-good", "1.2", "yes"]
    assert "failed: tsnekit-broken of tsnekit-broken: RuntimeError" in table


def listed(capsys):
    assert main(["plugins", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def backend_of(plugins, name):
    return next(backend for backend in plugins["backends"] if backend["name"] == name)


def test_plugins_json_has_all_there_is_to_know(fake_registry, capsys):
    fake_registry("tsnekit-good")
    plugins = listed(capsys)
    assert backend_of(plugins, "good_neighbors") == {
        "point": "neighbors",
        "kind": "neighbor search",
        "name": "good_neighbors",
        "aliases": ["gn"],
        "distribution": "tsnekit-good",
        "version": "1.2",
        "summary": "",
        "capabilities": {
            "metrics": ["euclidean"],
            "callable_metrics": False,
            "metric_params": False,
            "sparse": False,
            "query": False,
            "exact": False,
            "deterministic": False,
            "recall": 0.9,
            "cost": None,
        },
        "available": True,
        "missing": [],
    }
    assert backend_of(plugins, "good_gradient")["capabilities"]["n_components"] == [1, 2]
    assert "FFT" in backend_of(plugins, "fft")["aliases"]
    assert backend_of(plugins, "fft")["version"] == importlib.metadata.version("tsnekit")


def test_plugins_says_why_a_backend_is_not_available(fake_registry, capsys):
    from tsnekit.errors import PluginWarning

    with pytest.warns(PluginWarning):
        fake_registry("tsnekit-greedy")
    greedy = backend_of(listed(capsys), "greedy")
    assert greedy["available"] is False
    assert greedy["missing"] == ["needs no_such_lib: pip install no_such_lib"]
    main(["plugins"])
    row = next(line for line in capsys.readouterr().out.splitlines() if " greedy " in line)
    assert row.endswith("no         needs no_such_lib: pip install no_such_lib")


def test_warnings_take_one_line(monkeypatch, capsys):
    def describe():
        return {"shown as": warnings.formatwarning("a\nb", UserWarning, "file.py", 1)}

    monkeypatch.setattr("tsnekit.cli._inspect._describe_machine", describe)
    main(["info", "--json"])
    assert json.loads(capsys.readouterr().out) == {"shown as": "tsnekit: warning: a b\n"}


def test_plugins_shows_names_that_two_distributions_claim(fake_registry, capsys):
    fake_registry("tsnekit-good", "tsnekit-rival")
    plugins = listed(capsys)
    claimed = [b for b in plugins["backends"] if b["name"] == "good_optimizer"]
    assert [backend["distribution"] for backend in claimed] == ["tsnekit-good", "tsnekit-rival"]
    for backend in claimed:
        assert not backend["available"]
        assert "claimed by tsnekit-good 1.2 and tsnekit-rival 0.3" in backend["missing"][0]
    assert backend_of(plugins, "rival_optimizer")["available"]


def test_plugins_shows_what_the_user_left_out(fake_entry_points, monkeypatch, capsys):
    from tsnekit._backends.registry import Registry

    points = fake_entry_points("tsnekit-good", "tsnekit-rival")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points)
    monkeypatch.setenv("TSNEKIT_LOAD_PLUGINS", "tsnekit-good")
    monkeypatch.setattr("tsnekit._backends.registry.default_registry", Registry)
    assert listed(capsys)["left_out"] == ["tsnekit-rival"]
    main(["plugins"])
    assert "left out: tsnekit-rival" in capsys.readouterr().out


def test_info(capsys):
    assert main(["info", "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["instruction set"] in {"baseline", "avx2", "avx512"}
    assert info["threads"] >= 1
    assert main(["info"]) == 0
    assert "instruction set" in capsys.readouterr().out
