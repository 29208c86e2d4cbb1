"""Faults that this package had: the optimization, callbacks, and what code for openTSNE asks."""

from mutation import of_cause

WHOLE = of_cause(
    "an iteration in parts",
    (
        "Ctrl-C between step and centring",
        "_descent/loop.py",
        "            _move_as_a_whole(Y, forces, recenter, optimizer, phase, progress)\n",
        "            optimizer.step(Y, forces, phase)\n"
        "            if recenter is not None:\n"
        "                recenter(Y)\n"
        "            progress.exaggeration = phase.exaggeration\n"
        "            progress.iteration += 1\n",
        (
            "descent/test_whole_iterations.py::test_map_optimizer_and_count_are_of_one_iteration",
            "descent/test_whole_iterations.py::test_ctrl_c_before_any_line_of_an_iteration",
        ),
    ),
    (
        "Ctrl-C within a step of some points",
        "_descent/loop.py",
        "            optimizer.restore(state)\n            return\n",
        "            return\n",
        (
            "descent/test_whole_iterations.py::test_map_optimizer_and_count_are_of_one_iteration",
            "descent/test_whole_iterations.py::test_ctrl_c_before_any_line_of_an_iteration",
        ),
    ),
    (
        "Ctrl-C once more",
        "_descent/loop.py",
        "        except KeyboardInterrupt:\n            continue\n",
        "        except KeyboardInterrupt:\n            return\n",
        ("descent/test_whole_iterations.py::test_map_optimizer_and_count_are_of_one_iteration",),
    ),
    (
        "an interruption without a map",
        "_embedding/base.py",
        "                raise InterruptedByUser(self) from None\n",
        "                raise\n",
        ("descent/test_interrupts.py::test_ctrl_c[callbacks]",),
    ),
    (
        "an interruption that cannot be pickled",
        "errors.py",
        "    def __reduce__(self) -> tuple[Any, ...]:\n"
        "        return type(self), (self.error, self.final_embedding)\n",
        "",
        (
            "descent/test_whole_iterations.py::test_interruptions_can_be_pickled",
            "descent/test_whole_iterations.py::test_interruptions_come_back_from_other_processes",
        ),
    ),
)

OBJECTIVE = of_cause(
    "a gradient and a divergence that do not belong together",
    (
        "affinities that are not symmetric",
        "_descent/symmetry.py",
        "    if P.symmetric or is_symmetric(P):\n",
        "    if True:\n",
        (
            "descent/test_symmetry.py::test_a_directed_graph_gives_the_map_of_its_symmetric_part",
            "descent/test_symmetry.py::"
            "test_the_divergence_of_a_directed_graph_is_that_of_its_symmetric_part",
        ),
    ),
    (
        "a directed graph, taken for symmetric by a probe",
        "initialization/_diffusion_map.py",
        "    same = all(\n"
        "        np.array_equal(getattr(graph, part), getattr(other, part))\n"
        '        for part in ("indptr", "indices", "data")\n'
        "    )\n",
        "    probe = np.random.RandomState(0).uniform(0.5, 1, graph.shape[0]).astype(np.float32)\n"
        "    forward, backward = graph @ probe, other @ probe\n"
        "    same = np.allclose(forward, backward, rtol=1e-4, atol=1e-4 * np.abs(forward).max())\n",
        (
            "initialization/test_initialization.py::"
            "test_spectral_of_a_directed_graph_with_an_edge_that_dominates",
        ),
    ),
    (
        "the default grid of fft is coarser than that of its peer",
        "plugins/gradients/fft.py",
        "NARROWER = 0.6\n",
        "NARROWER = 0.8\n",
        (
            "plugins/gradients/test_fft.py::"
            "test_the_default_grid_is_as_accurate_as_that_of_its_peer",
        ),
    ),
)

LABELS = of_cause(
    "behavior keyed on a label",
    (
        "convergence, by the name of the phase",
        "callbacks.py",
        "        if state.phase.exaggeration > (1 if own is None else own):\n",
        '        if state.phase.name == "early exaggeration":\n',
        ("descent/test_callbacks.py::test_exaggeration_is_not_convergence_in_a_phase_of_any_name",),
    ),
)

PEERS = of_cause(
    "code for openTSNE does not run",
    (
        'neighbors="exact" of distances',
        "affinity/_search.py",
        '    if metric == "precomputed" and isinstance(method, str) and method == "exact":\n',
        "    if False:\n",
        ("facade/test_tsne.py::test_exact_neighbors_of_distances",),
    ),
    (
        "a perplexity too large for given neighbors",
        "affinity/_neighbors.py",
        "            k = n_neighbors_of(kernel, self.knn_index.available + 1)\n",
        "            k = n_neighbors_of(kernel, n_samples)\n",
        (
            "affinities/test_neighbor_index.py::"
            "test_a_perplexity_too_large_for_a_graph_is_a_third_of_its_neighbors",
            "affinities/test_neighbor_index.py::"
            "test_every_kind_of_given_neighbors_lowers_the_perplexity_alike",
        ),
    ),
    (
        "effective_perplexity_",
        "affinity/_neighbors.py",
        "self.kernel.effective_perplexities(self.knn_index.available)",
        "self.kernel._perplexities",
        ("affinities/test_affinity.py::test_effective_perplexities",),
    ),
    (
        "Multiscale(perplexities=30)",
        "plugins/affinities/_calibration.py",
        "    if isinstance(value, Real):\n        value = (value,)\n    elif",
        "    if",
        (
            "plugins/affinities/test_multiscale.py::test_a_scalar_is_one_perplexity",
            "facade/test_tsne.py::test_one_of_several_perplexities",
        ),
    ),
    (
        "knn_kwargs",
        "_facade/phases.py",
        "    return model.knn_kwargs if given is None else given\n",
        "    return given\n",
        ("facade/test_tsne.py::test_knn_kwargs_is_another_name_for_neighbors_params",),
    ),
    (
        "nearest_neighbors.PrecomputedDistanceMatrix",
        "nearest_neighbors.py",
        "            self.k = self.available\n",
        "            pass\n",
        ("affinities/test_nearest_neighbors.py::test_precomputed_distances",),
    ),
    (
        "leaf_size",
        "plugins/neighbors/exact.py",
        "metric=name, leaf_size=self._tree_leaf)",
        "metric=name)",
        ("plugins/neighbors/test_exact.py::test_a_tree_has_leaves_of_the_size_that_is_asked_for",),
    ),
    (
        "FixedSigmaNN.to_new(k=...)",
        "affinity/_named.py",
        '            options["k_neighbors"] = check_integer("k", k, at_least=1)\n',
        '            options["k"] = check_integer("k", k, at_least=1)\n',
        ("affinities/test_affinity.py::test_to_new_of_fixed_sigma_takes_k",),
    ),
    (
        "the perplexity of transform, of a map with 4 neighbors",
        "affinity/_neighbors.py",
        '        options = defaults | options | {"perplexity": perplexity}\n',
        '        options = options | {"perplexity": perplexity}\n',
        ("facade/test_tsne.py::test_transforms_own_perplexity_works_for_few_neighbors",),
    ),
)

RUN = WHOLE + OBJECTIVE + LABELS + PEERS
