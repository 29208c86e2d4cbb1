"""Maps outlive their plugins: they open without them, and nothing is lost when saved again."""

import importlib.metadata
import logging
import sys

import numpy as np
import pytest

import tsnekit
from helpers.saved import parts, put_together
from tsnekit import TSNE, affinity
from tsnekit._backends import registry as registry_module
from tsnekit._backends.registry import Registry
from tsnekit.errors import BackendUnavailableError, PluginWarning

QUICK = {"n_iter": 5, "early_exaggeration_iter": 5, "random_state": 0}

PLUGIN = """
import numpy as np
from tsnekit.hookspecs import hookimpl
from tsnekit.interfaces import NeighborGraph
from tsnekit.specs import *
from tsnekit_good import Kernel, Method, Pull, Search as Neighbors

@hookimpl
def tsnekit_neighbor_searches():
    yield NeighborSpec(name="far", factory=f"{__name__}:Search", query=True)

@hookimpl
def tsnekit_affinity_kernels():
    yield AffinitySpec(name="ranks", factory=f"{__name__}:Ranks")

@hookimpl
def tsnekit_gradient_methods():
    yield GradientSpec(name="dense", aliases=("thick",), factory=f"{__name__}:Dense",
                       whole_gradient=True)

@hookimpl
def tsnekit_optimizers():
    yield OptimizerSpec(name="heavy", factory=f"{__name__}:Heavy")

@hookimpl
def tsnekit_forces():
    yield ForceSpec(name="tilt", factory=f"{__name__}:Tilt")

class Tilt(Pull):
    def __init__(self, *, strength=1.0, axis=None):
        super().__init__(strength=strength)
        self.axis = axis

class Search(Neighbors):
    def __init__(self, *, trees=3):
        self.trees = trees

    def query(self, X, k):
        squared = ((np.asarray(X, float)[:, None] - self.X[None]) ** 2).sum(axis=2)
        indices = np.argsort(squared, axis=1, kind="stable")[:, :k]
        distances = np.sqrt(np.take_along_axis(squared, indices, axis=1))
        return NeighborGraph(indices.astype(np.int32), distances.astype(np.float32))

class Ranks(Kernel):
    pass

class Dense(Method):
    def __init__(self, *, tiles=1 / 3):
        self.tiles = tiles

class Heavy:
    def __init__(self, *, mass=0.1, table=None):
        self.mass = mass
        self.table = table
        self.velocity = None

    def start(self, Y):
        self.velocity, self.count = np.zeros(Y.shape, NUMBERS), np.zeros(1, np.int64)

    def step(self, Y, gradient, phase):
        self.velocity = (0.5 * self.velocity - gradient).astype(NUMBERS)
        self.count = self.count + 1
        Y += self.mass * self.velocity.astype(np.float32)

    def state(self):
        if self.velocity is None:
            return {}
        return {"velocity": self.velocity.copy(), "count": self.count.copy()}

    def restore(self, state):
        self.velocity, self.count = state["velocity"], state["count"]
"""


@pytest.fixture
def install(tmp_path, monkeypatch, fake_entry_points):
    """Return a function that installs the plugin, in a version and changed, or takes it away."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(version, *changes, name="tsnekit-outlived", numbers="np.float64"):
        if version is None:
            found = ()
        else:
            source = PLUGIN.replace("NUMBERS", numbers)
            for old, new in changes:
                assert old in source
                source = source.replace(old, new)
            module = f"outlived_{tmp_path.name}_{len(list(tmp_path.iterdir()))}"
            (tmp_path / f"{module}.py").write_text(source)
            info = tmp_path / f"of_{module}" / f"{name}-{version}.dist-info"
            info.mkdir(parents=True)
            (info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
            (info / "entry_points.txt").write_text(f"[tsnekit]\nmine = {module}\n")
            distributions = importlib.metadata.distributions(path=[str(info.parent)])
            found = [entry for dist in distributions for entry in dist.entry_points]
        registry = Registry(found)
        monkeypatch.setattr(registry_module, "_load_registry", lambda: registry)
        return registry

    return install


@pytest.fixture
def path(tmp_path):
    return tmp_path / "map.tsnekit"


def fitted(X, **parameters):
    plugins = {
        "neighbors": "far",
        "affinity": "ranks",
        "negative_gradient_method": "dense",
        "optimizer": "heavy",
        "forces": ("tilt", {"strength": 0.1 + 1e-9, "axis": np.arange(2.0), "weight": 0.5}),
    }
    options = {
        "neighbors_params": {"trees": 7},
        "gradient_params": {"tiles": 0.1},
        "optimizer_params": {"mass": 1e-9 + 0.1, "table": np.arange(3, dtype=np.int16)},
    }
    if "negative_gradient_method" in parameters:
        options["gradient_params"] = None
    return TSNE(**(QUICK | plugins | options | parameters)).fit(X)


def same_files(one, other):
    (header, arrays), (header_too, arrays_too) = parts(one), parts(other)
    assert header == header_too
    assert arrays.keys() == arrays_too.keys()
    for name, array in arrays.items():
        assert array.dtype == arrays_too[name].dtype, name
        assert array.tobytes() == arrays_too[name].tobytes(), name


def log_of(caplog):
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


def test_a_map_opens_without_its_plugin_and_loses_nothing(install, path, blobs, caplog):
    install("0.2")
    embedding = fitted(blobs[:60])
    again = embedding.optimize(3)
    embedding.save(path)
    install(None)
    loaded = tsnekit.load(path)
    (line,) = log_of(caplog)
    assert str(path) in line
    assert "pip install tsnekit-outlived==0.2" in line
    for name in (
        "optimizer 'heavy'",
        "gradient method 'dense'",
        "neighbor search 'far'",
        "force term 'tilt'",
    ):
        assert f"{name} of tsnekit-outlived 0.2 is not installed" in line
    assert "affinity kernel 'ranks' of tsnekit-outlived 0.2" in line
    np.testing.assert_array_equal(loaded, embedding)
    assert loaded.endings == embedding.endings
    assert loaded.backends == embedding.backends
    assert "60 points" in repr(loaded)
    assert loaded.plot(np.arange(60) % 3).figure is not None
    for copied in (loaded, loaded.copy()):
        copied.save(path.with_name("again"))
        same_files(path, path.with_name("again"))
    install("0.2")
    caplog.clear()
    restored = tsnekit.load(path.with_name("again"))
    assert log_of(caplog) == []
    np.testing.assert_array_equal(restored.optimize(3), again)
    assert restored.optimizer.mass == 1e-9 + 0.1
    ((name, options),) = restored.gradient_descent_params["forces"]
    assert (name, options["strength"], options["weight"]) == ("tilt", 0.1 + 1e-9, 0.5)
    np.testing.assert_array_equal(options["axis"], [0.0, 1.0])


def test_what_needs_the_plugin_says_so_and_changes_nothing(install, path, blobs):
    install("0.2")
    fitted(blobs[:60]).save(path)
    install(None)
    loaded = tsnekit.load(path)
    endings = loaded.endings
    uses = {
        "heavy": lambda: loaded.optimize(1, inplace=True),
        "dense": lambda: loaded.kl_divergence,
        "far": lambda: loaded.affinities.knn_index.query(blobs[60:70], 3),
        "ranks": lambda: loaded.affinities.to_new(blobs[60:70], k_neighbors=3),
    }
    for name, use in uses.items():
        with pytest.raises(BackendUnavailableError) as caught:
            use()
        message = str(caught.value)
        assert f"'{name}' of tsnekit-outlived 0.2 is not installed" in message
        assert ". " not in message
    for use in (lambda: loaded.transform(blobs[60:70]), lambda: loaded.extend(blobs[60:70])):
        with pytest.raises(BackendUnavailableError, match=r"tsnekit-outlived 0\.2"):
            use()
    assert not hasattr(loaded.affinities, "effective_perplexity_")
    assert loaded.endings == endings
    with pytest.raises(BackendUnavailableError, match="'heavy'"):
        loaded.optimize(1, negative_gradient_method="exact")
    other = tsnekit.TSNEEmbedding(np.asarray(loaded), loaded.affinities)
    assert np.isfinite(other.optimize(2)).all()


def test_one_missing_backend_leaves_the_others(install, path, blobs):
    install("0.2")
    embedding = TSNE(**QUICK, perplexity=9, negative_gradient_method="thick").fit(blobs[:60])
    embedding.save(path)
    install(None)
    loaded = tsnekit.load(path)
    with pytest.raises(BackendUnavailableError, match="'thick' of tsnekit-outlived"):
        loaded.optimize(1)
    moved = loaded.optimize(4, negative_gradient_method="exact")
    wanted = embedding.optimize(4, negative_gradient_method="exact")
    np.testing.assert_array_equal(moved, wanted)
    assert loaded.prepare_partial(blobs[60:70]).shape == (10, 2)
    loaded.save(path.with_name("again"))
    same_files(path, path.with_name("again"))


def test_a_force_term_alone_may_be_missing(install, path, blobs):
    registry = install("0.2")
    tilt = registry.get("forces", "tilt").load()(strength=0.5)
    options = QUICK | {"perplexity": 9, "negative_gradient_method": "exact"}
    embedding = TSNE(**options, forces=[tilt, ("tilt", {"start": 0.5})]).fit(blobs[:60])
    embedding.save(path)
    again = tsnekit.load(path)
    np.testing.assert_array_equal(again.optimize(4), embedding.optimize(4))
    install(None)
    loaded = tsnekit.load(path)
    for use in (
        lambda: loaded.optimize(1),
        lambda: loaded.extend(blobs[60:70]),
        lambda: loaded.transform(blobs[60:70]),
    ):
        with pytest.raises(BackendUnavailableError, match="'tilt' of tsnekit-outlived"):
            use()
    assert loaded.kl_divergence == embedding.kl_divergence
    moved = loaded.optimize(4, forces=None)
    np.testing.assert_array_equal(moved, embedding.optimize(4, forces=None))
    loaded.save(path.with_name("again"))
    same_files(path, path.with_name("again"))
    install("0.2")
    restored = tsnekit.load(path.with_name("again"))
    np.testing.assert_array_equal(restored.optimize(4), embedding.optimize(4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": {"strength": 1, "no": 2}}, "forces/0/options: .*'no' is not an option"),
        ({"options": {"weight": -1}}, "forces/0/options: .*weight must be at least 0"),
        ({"options": 3}, "forces/0/options must be a mapping"),
        ({"term": "tilt"}, "forces/0/term must be a mapping"),
        ({"more": 1}, "forces/0/more is an unknown entry"),
        (None, "parameters/forces must be a list, got 3"),
    ],
)
def test_force_terms_of_a_damaged_file(install, path, blobs, change, message):
    install("0.2")
    fitted(blobs[:60]).save(path)
    header, arrays = parts(path)
    if change is None:
        header["parameters"]["forces"] = 3
    else:
        header["parameters"]["forces"][0] |= change
    put_together(path, header, arrays)
    with pytest.raises(ValueError, match=f"damaged: parameters/{message}|damaged: {message}"):
        tsnekit.load(path)


def test_files_of_before_have_no_force_terms(path, blobs):
    embedding = TSNE(**QUICK, perplexity=9, negative_gradient_method="exact").fit(blobs[:60])
    embedding.save(path)
    header, arrays = parts(path)
    assert header["parameters"].pop("forces") == []
    put_together(path, header, arrays)
    np.testing.assert_array_equal(tsnekit.load(path).optimize(2), embedding.optimize(2))


def test_maps_of_new_points_open_too(install, path, blobs, caplog):
    install("0.2")
    embedding = fitted(blobs[:60], negative_gradient_method="exact")
    embedding.prepare_partial(blobs[60:70]).optimize(2, forces=None).save(path)
    install(None)
    loaded = tsnekit.load(path)
    assert len(log_of(caplog)) == 1
    assert np.isfinite(loaded.optimize(2, forces=None)).all()
    with pytest.raises(BackendUnavailableError, match="'heavy' of tsnekit-outlived"):
        loaded.reference_embedding.optimize(1)
    loaded.save(path.with_name("again"))
    same_files(path, path.with_name("again"))


def test_another_version_is_noticed(install, path, blobs, caplog):
    install("0.2")
    embedding = fitted(blobs[:60])
    embedding.save(path)
    install("0.3rc1")
    loaded = tsnekit.load(path)
    (line,) = log_of(caplog)
    assert "optimizer 'heavy' was saved by tsnekit-outlived 0.2, and is of tsnekit-out" in line
    assert "0.3rc1 now" in line
    np.testing.assert_array_equal(loaded.optimize(3), embedding.optimize(3))
    loaded.save(path)
    assert parts(path)[0]["optimizer"]["version"] == "0.3rc1"


def test_another_version_of_tsnekit_is_no_news(path, blobs, caplog):
    TSNE(perplexity=5, n_iter=5, early_exaggeration_iter=5).fit(blobs[:60]).save(path)
    header, arrays = parts(path)
    header["optimizer"]["version"] = "0.0.1"
    put_together(path, header, arrays)
    tsnekit.load(path)
    assert log_of(caplog) == []


@pytest.mark.parametrize(
    ("changes", "numbers", "message"),
    [
        ([("mass", "weight")], "np.float64", "'mass'|'heavy' does not have this option"),
        ([], "np.float32", "optimizer/velocity must be of float32"),
        ([('"heavy"', '"light"')], "np.float64", r"is not in tsnekit-outlived 0\.3, which is inst"),
        ([('factory=f"{__name__}:Heavy"', 'factory="no_such:A"')], "np.float64", "does not fit"),
        (
            [(':Heavy"', ':Heavy", requires=("no_such_lib",)')],
            "np.float64",
            "needs no_such_lib: pip install",
        ),
    ],
)
def test_a_version_that_does_not_fit_is_like_none(
    install, path, blobs, caplog, changes, numbers, message
):
    install("0.2")
    embedding = fitted(blobs[:60])
    embedding.save(path)
    install("0.3", *changes, numbers=numbers)
    loaded = tsnekit.load(path)
    np.testing.assert_array_equal(loaded, embedding)
    assert len(log_of(caplog)) == 1
    with pytest.raises(BackendUnavailableError, match=message):
        loaded.optimize(1)
    loaded.save(path.with_name("again"))
    assert parts(path.with_name("again"))[0]["optimizer"] == parts(path)[0]["optimizer"]
    install("0.2")
    restored = tsnekit.load(path.with_name("again"))
    np.testing.assert_array_equal(restored.optimize(2), embedding.optimize(2))


def test_the_version_that_saved_a_file_must_fit(install, path, blobs):
    install("0.2")
    fitted(blobs[:60]).save(path)
    header, arrays = parts(path)
    header["optimizer"]["options"]["more"] = 1
    put_together(path, header, arrays)
    with pytest.raises(ValueError, match=r"damaged: optimizer/options/more: 'heavy' does not have"):
        tsnekit.load(path)


def test_another_distribution_with_the_same_name_is_not_the_same_plugin(install, path, blobs):
    install("0.2")
    fitted(blobs[:60]).save(path)
    install("0.2", name="tsnekit-other")
    with pytest.raises(BackendUnavailableError, match=r"tsnekit-outlived 0\.2 is not installed"):
        tsnekit.load(path).optimize(1)
    install("0.2", name="TSNEKIT.Outlived")
    assert np.isfinite(tsnekit.load(path).optimize(1)).all()


def test_a_plugin_that_fails_to_load_is_missing_for_that_reason(install, path, blobs, monkeypatch):
    install("0.2")
    fitted(blobs[:60]).save(path)
    with pytest.warns(PluginWarning):
        install("0.2", ("class Dense", "raise ImportError('no driver')\nclass Dense"))
    with pytest.raises(BackendUnavailableError, match="cannot be loaded: ImportError: no driver"):
        tsnekit.load(path).optimize(1)


def test_the_kernel_of_named_affinities_may_be_missing(install, path, blobs):
    install("0.2")
    registry = registry_module._load_registry()
    kernel = registry.get("affinity", "ranks").load()(k_neighbors=4)
    affinities = affinity.Uniform(blobs[:60], k_neighbors=3, random_state=0)
    affinities.set_kernel(kernel)
    embedding = tsnekit.TSNEEmbedding(blobs[:60, :2], affinities)
    embedding.save(path)
    install(None)
    loaded = tsnekit.load(path)
    np.testing.assert_array_equal(loaded.affinities.P.toarray(), affinities.P.toarray())
    np.testing.assert_array_equal(loaded.optimize(2), embedding.optimize(2))


def test_a_requirement_of_a_built_in_backend_may_be_missing(path, blobs, monkeypatch):
    TSNE(**QUICK, perplexity=9, neighbors="hnsw").fit(blobs[:60]).save(path)
    monkeypatch.setitem(sys.modules, "hnswlib", None)
    loaded = tsnekit.load(path)
    assert np.isfinite(loaded.optimize(2)).all()
    with pytest.raises(BackendUnavailableError, match="needs hnswlib: pip install hnswlib"):
        loaded.transform(blobs[60:70])


def test_files_of_before_name_no_distribution(install, path, blobs):
    install("0.2")
    embedding = fitted(blobs[:60])
    embedding.save(path)
    header, arrays = parts(path)
    header["parameters"]["negative_gradient_method"] = "dense"
    kernel, search = header["affinities"]["kernel"], header["affinities"]["index"]["search"]
    for named in (header["optimizer"], kernel, search):
        del named["distribution"], named["version"]
    put_together(path, header, arrays)
    np.testing.assert_array_equal(tsnekit.load(path).optimize(2), embedding.optimize(2))
    install(None)
    loaded = tsnekit.load(path)
    np.testing.assert_array_equal(loaded, embedding)
    with pytest.raises(BackendUnavailableError, match="'heavy' of an unknown distribution is not"):
        loaded.optimize(1)
    loaded.save(path.with_name("again"))
    install("0.2")
    restored = tsnekit.load(path.with_name("again"))
    np.testing.assert_array_equal(restored.optimize(2), embedding.optimize(2))
