"""The automatic choices, as tables of facts and answers."""

import numpy as np
import pytest

from tsnekit._backends import rules as auto
from tsnekit.errors import BackendUnavailableError
from tsnekit.interfaces import RepulsionProblem, SearchProblem
from tsnekit.specs import GradientSpec, NeighborSpec

EUCLIDEAN = frozenset({"euclidean"})
NEIGHBORS = {
    "exact": NeighborSpec(
        name="exact",
        factory="m:f",
        metrics=EUCLIDEAN | {"odd", "jaccard"},
        callable_metrics=True,
        sparse=True,
    ),
    "annoy": NeighborSpec(name="annoy", factory="m:f", metrics=EUCLIDEAN | {"cosine"}),
    "pynndescent": NeighborSpec(
        name="pynndescent", factory="m:f", metrics=EUCLIDEAN | {"jaccard"}, sparse=True
    ),
    "precomputed": NeighborSpec(
        name="precomputed", factory="m:f", metrics=frozenset({"precomputed"}), sparse=True
    ),
}
GRADIENTS = {
    "exact": GradientSpec(name="exact", factory="m:f", n_components=None, any_dof=True),
    "barnes_hut": GradientSpec(
        name="barnes_hut", factory="m:f", n_components=(1, 2, 3), any_dof=True, reference=True
    ),
    "mesh": GradientSpec(
        name="mesh", factory="m:f", n_components=(1, 2, 3), any_dof=True, reference=True
    ),
}


def search(n, **facts):
    return SearchProblem(n_samples=n, n_features=5, **facts)


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (search(999), "exact"),
        (search(1000), "annoy"),
        (search(1000, metric="cosine"), "annoy"),
        (search(999, metric="cosine"), "annoy"),  # this exact search has no cosine
        (search(1000, metric="jaccard"), "pynndescent"),
        (search(1000, sparse=True), "pynndescent"),
        (search(999, sparse=True), "exact"),
        (search(10**6, metric="odd"), "exact"),
        (search(5000, metric=lambda a, b: 0.0), "exact"),
        (search(100, metric="precomputed"), "precomputed"),
        (search(5000, metric="precomputed", sparse=True), "precomputed"),
    ],
)
def test_documented_rule_for_neighbors(problem, expected):
    name, reason = auto.choose_neighbors(problem, NEIGHBORS)
    assert name == expected
    assert reason


def test_approx_is_the_second_half_alone():
    assert auto.choose_approximate_neighbors(search(10), NEIGHBORS)[0] == "annoy"
    assert auto.choose_approximate_neighbors(search(10, sparse=True), NEIGHBORS)[0] == "pynndescent"


def test_an_unknown_metric_is_an_error_with_every_reason():
    with pytest.raises(BackendUnavailableError) as caught:
        auto.choose_neighbors(search(10, metric="nonsense"), NEIGHBORS)
    message = str(caught.value)
    assert all(name in message for name in NEIGHBORS)
    assert "nonsense" in message


def test_the_forest_takes_the_place_of_annoy_where_it_could_not_be_compiled():
    lacking = NEIGHBORS | {
        "annoy": NeighborSpec(name="annoy", factory="m:f", requires=("no_such_package",)),
        "forest": NeighborSpec(name="forest", factory="m:f", metrics=EUCLIDEAN | {"cosine"}),
    }
    reason = "Annoy is not installed, and the forest has this metric"
    assert auto.choose_neighbors(search(5000), lacking) == ("forest", reason)
    reason = "the forest does not have this metric or kind of data"
    assert auto.choose_neighbors(search(5000, sparse=True), lacking) == ("pynndescent", reason)


def test_missing_package_moves_the_choice_on():
    lacking = NEIGHBORS | {
        "pynndescent": NeighborSpec(
            name="pynndescent", factory="m:f", requires=("no_such_package",)
        )
    }
    assert auto.choose_neighbors(search(5000, metric="jaccard"), lacking)[0] == "exact"


def test_installing_a_plugin_changes_no_documented_choice():
    more = NEIGHBORS | {
        "warp": NeighborSpec(name="warp", factory="m:f", exact=True, cost=f"{__name__}:no_time")
    }
    assert auto.choose_neighbors(search(5000), more)[0] == "annoy"


def no_time(problem, k):
    return 0.0


def a_second(problem, k):
    return 1.0


def no_idea(problem, k):
    raise RuntimeError("no idea")


def not_to_be_asked(metric, sparse):
    raise AssertionError("its library would be loaded in vain")


def test_fastest_is_the_cheapest_that_can_serve():
    def spec(name, cost, **claims):
        return NeighborSpec(name=name, factory="m:f", cost=f"{__name__}:{cost}", **claims)

    specs = NEIGHBORS | {
        "bits": spec("bits", "no_time", metrics=frozenset({"jaccard"})),
        "lost": spec("lost", "no_idea", metrics=frozenset({"jaccard"})),
        "slow": spec("slow", "a_second", metrics=f"{__name__}:not_to_be_asked"),
        "warp": spec("warp", "no_time", metrics=EUCLIDEAN),
    }
    assert auto.choose_fastest_neighbors(search(5000), specs) == (
        "warp",
        "the least expected time, 0 s",
    )
    assert auto.choose_fastest_neighbors(search(5000), NEIGHBORS)[0] == "annoy"


@pytest.mark.parametrize(
    ("n", "d", "dof", "expected"),
    [
        (500, 2, 1.0, "barnes_hut"),
        (100_000, 2, 1.0, "mesh"),
        (100_000, 2, 0.5, "mesh"),
        (100_000, 1, 1.0, "mesh"),
        (500, 5, 1.0, "exact"),
    ],
)
def test_gradient_choice(n, d, dof, expected):
    problem = RepulsionProblem(n_samples=n, n_components=d, dof=dof)
    assert auto.choose_gradient(problem, GRADIENTS)[0] == expected


def test_gradient_choice_with_a_reference_looks_at_its_size():
    reference = np.zeros((100_000, 2), dtype=np.float32)
    problem = RepulsionProblem(n_samples=1, n_components=2, reference=reference)
    assert auto.choose_gradient(problem, GRADIENTS)[0] == "mesh"


@pytest.mark.parametrize("d", [1, 2, 3])
def test_gradient_choice_moves_on_where_the_first_cannot(d):
    only = {name: GRADIENTS[name] for name in ("exact", "barnes_hut")} | {
        "mesh": GradientSpec(name="mesh", factory="m:f", requires=("no_such_package",))
    }
    problem = RepulsionProblem(n_samples=10**6, n_components=d)
    assert auto.choose_gradient(problem, only)[0] == "barnes_hut"


def test_fastest_names_the_plugin_that_alone_has_a_metric():
    specs = NEIGHBORS | {
        "mine": NeighborSpec(name="mine", factory="m:f", metrics=frozenset({"hellinger"}))
    }
    message = (
        r"'fastest' finds no search for metric 'hellinger' .* ask for neighbors='mine' by name"
    )
    with pytest.raises(BackendUnavailableError, match=message):
        auto.choose_fastest_neighbors(search(100, metric="hellinger"), specs)
    with pytest.raises(BackendUnavailableError, match=r"finds no backend for metric 'hellinger'"):
        auto.choose_fastest_neighbors(search(100, metric="hellinger"), NEIGHBORS)
