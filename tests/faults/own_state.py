"""Faults that this package had: state that was shared, between threads, fits and the process."""

from mutation import of_cause

SCRATCH = of_cause(
    "scratch behind a read-only face",
    (
        "a divergence, read while others read it",
        "_descent/plan.py",
        "        with self._lock.held():\n"
        "            return self._divergence(self._planned.kl_divergence(Y), Y)\n",
        "        return self._divergence(self._planned.kl_divergence(Y), Y)\n",
        (
            "test_concurrency.py::test_whole_gradients_are_entered_by_one_thread_at_a_time",
            "test_concurrency.py::test_the_divergence_is_one_value_for_all_threads",
        ),
    ),
    (
        "a divergence, read while the map moves",
        "_embedding/base.py",
        "        with self.state.lock:\n            return self._positions().copy()\n",
        "        return self._positions()\n",
        ("test_concurrency.py::test_readers_of_a_map_that_moves_see_it_between_iterations",),
    ),
    (
        "a copy, made while the map moves",
        "_embedding/array.py",
        "        with self._state.lock:\n"
        '            duplicate = self._create(np.array(_plain(self), order="C"), '
        "self._state.copied())\n",
        '        duplicate = self._create(np.array(_plain(self), order="C"), '
        "self._state.copied())\n",
        ("test_concurrency.py::test_readers_of_a_map_that_moves_see_it_between_iterations",),
    ),
    (
        "new points, placed while the map moves",
        "_embedding/full.py",
        "        partial._field = field\n        return partial\n",
        "        return partial\n",
        ("test_concurrency.py::test_new_points_feel_the_map_in_which_they_were_placed",),
    ),
    (
        "an iteration, while others copy",
        "_descent/loop.py",
        "        with progress.lock:\n"
        "            _move_as_a_whole(Y, forces, recenter, optimizer, phase, progress)\n",
        "        _move_as_a_whole(Y, forces, recenter, optimizer, phase, progress)\n",
        ("test_concurrency.py::test_readers_of_a_map_that_moves_see_it_between_iterations",),
    ),
    (
        "two threads that optimize one map",
        "_embedding/base.py",
        "        with state.phase_lock:\n",
        "        if True:\n",
        ("descent/test_whole_iterations.py::test_two_threads_that_optimize_one_map_take_turns",),
    ),
    (
        "a search, used by several threads",
        "affinity/_index.py",
        "        with self._lock.held(), verbosely(self._is_verbose):\n"
        "            search: Any = self._fitted_search()\n"
        "            found: NeighborGraph = search.query(X, k)\n",
        "        search: Any = self._fitted_search()\n"
        "        found: NeighborGraph = search.query(X, k)\n",
        ("affinities/test_neighbor_index.py::test_threads_share_an_index",),
    ),
    (
        "plans in a cycle of references",
        "plugins/gradients/_grid/field.py",
        '            functools.partial(self._buffers.lend, "workspace"),\n',
        '            lambda size: self._buffers.lend("workspace", size),\n',
        ("descent/test_plan.py::test_what_a_map_has_planned_is_freed_with_it_at_once",),
    ),
    (
        "the plan of a method that was changed",
        "_descent/plan.py",
        "            method=snapshot(parameters.negative_gradient_method),\n",
        "            method=parameters.negative_gradient_method,\n",
        ("descent/test_plan.py::test_a_changed_method_is_planned_again",),
    ),
    (
        "options told apart by their repr",
        "_descent/plan.py",
        "        return kind, value.dtype.str, value.shape, value.tobytes()\n",
        "        return kind, repr(value)\n",
        (
            "descent/test_plan.py::test_long_arrays_that_differ_in_their_middle_are_different_options",
            "descent/test_plan.py::test_snapshots_compare_by_content",
        ),
    ),
    (
        "methods told apart by their hash",
        "_descent/plan.py",
        "    try:\n        reduced = value.__reduce_ex__(4)\n",
        "    hash(value)\n    try:\n        reduced = value.__reduce_ex__(4)\n",
        ("descent/test_plan.py::test_methods_that_cannot_be_hashed_serve_new_points",),
    ),
)

LEFT = ("test_a_fit_leaves_nothing_in_an_instance", "test_a_clone_has_nothing_of_a_fit")
INDEPENDENT = ("test_fits_by_one_instance_do_not_depend_on_one_another",)
STATEFUL = ("optimizer",)  # of what there is built in; an index copies its search once more

RECIPES = of_cause(
    "an instance is shared state",
    *(
        (
            f"what is given as {point}",
            "_backends/resolve.py",
            "        return copy.deepcopy(instance)\n",
            f'        return instance if point == "{point}" else copy.deepcopy(instance)\n',
            tuple(
                f"backends/test_recipes.py::{name}[{point}]"
                for name in (*LEFT, *(INDEPENDENT if point in STATEFUL else ()))
            ),
        )
        for point in (
            "affinity",
            "initialization",
            "negative_gradient_method",
            "optimizer",
        )
    ),
    (
        "the search of several indices",
        "affinity/_index.py",
        "fitted(copy.deepcopy(self.search), ",
        "fitted(self.search, ",
        (
            "affinities/test_neighbor_index.py::test_a_search_may_serve_several_indices",
            "embedding/test_extension.py::test_the_map_keeps_the_search_of_its_own_rows",
        ),
    ),
    (
        "the random state of a deep copy",
        "_embedding/array.py",
        '        if isinstance(getattr(duplicate, "random_state", None), GENERATORS):\n',
        "        if False:\n",
        ("embedding/test_array_methods.py::test_a_deep_copy_draws_random_numbers_of_its_own",),
    ),
    (
        "the clock of a time limit",
        "callbacks.py",
        "        if self._started is None or embedding is not timed:\n",
        "        if self._started is None:\n",
        (
            "descent/test_callbacks.py::"
            "test_time_limit_spans_both_phases_of_a_fit_and_starts_again_with_the_next_fit",
        ),
    ),
    (
        "random numbers drawn for given affinities",
        "_facade/tsne.py",
        "        seed = int(rng.randint(np.iinfo(np.int32).max))\n",
        "        seed = int(rng.randint(np.iinfo(np.int32).max)) if affinities is None else 0\n",
        ("facade/test_tsne.py::test_a_random_start_does_not_depend_on_given_affinities",),
    ),
)

FIRST = "util/test_process.py::test_the_first_block_changes_and_the_last_one_restores"
MIDDLE = "util/test_process.py::test_a_block_in_the_middle_ends_first"
NESTED = "util/test_process.py::test_blocks_in_one_thread_may_be_nested"

PROCESS = of_cause(
    "a setting of the process without one owner",
    (
        "BLAS, with one thread for ever",
        "_util/process.py",
        "    with _blas_threads.changed(*shared), _limited_here(own):\n",
        "    with _limited_here(libraries):\n",
        (f"{FIRST}[blas]", f"{MIDDLE}[blas]"),
    ),
    (
        "BLAS, with two threads within a block",
        "_util/process.py",
        "                    self._blocks.remove(block)\n"
        "                    if not self._blocks:\n"
        "                        self._undo()\n",
        "                    self._blocks.remove(block)\n                    self._undo()\n",
        (f"{FIRST}[blas]", f"{MIDDLE}[blas]", f"{NESTED}[blas]"),
    ),
    (
        "logging, shown for ever",
        "_util/process.py",
        "        if self._before is None and not shown:\n",
        "        if True:\n",
        (f"{FIRST}[logging]",),
    ),
    (
        "warnings, silent for ever",
        "_util/process.py",
        "    with _warnings.changed():\n        yield\n",
        "    with warnings.catch_warnings():\n"
        '        warnings.simplefilter("ignore")\n'
        "        yield\n",
        (f"{FIRST}[warnings]",),
    ),
    (
        "a child that was forked within a block",
        "_util/process.py",
        "            os.register_at_fork(after_in_child=self._start_anew)\n",
        "            pass\n",
        ("util/test_process.py::test_a_forked_child_starts_clean",),
    ),
    (
        "Ctrl-C within the change",
        "_util/process.py",
        "                self._blocks.add(block)\n                self._change(*objects)\n",
        "                self._change(*objects)\n                self._blocks.add(block)\n",
        ("util/test_process.py::test_ctrl_c_during_the_change_undoes_it",),
    ),
    (
        "the registry, loaded by each thread",
        "_backends/registry.py",
        "    with _lock.held():\n        return _load_registry()\n",
        "    return _load_registry()\n",
        ("backends/test_registry.py::test_threads_share_one_registry",),
    ),
)

STATE = SCRATCH + RECIPES + PROCESS
