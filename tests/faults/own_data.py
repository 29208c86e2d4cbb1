"""Faults that this package had: wrong neighborhoods of data as people have them."""

from mutation import of_cause

NUMERICS = "plugins/neighbors/test_numerics.py"
COPIES = "plugins/neighbors/test_copies.py"
PROMISES = "plugins/neighbors/test_recall.py"
UNDEFINED = "plugins/neighbors/test_undefined_metrics.py"
VALIDATION = "util/test_validation.py"
HARD_DATA = "diagnostics/test_hard_data.py"

PRECISION = of_cause(
    "float32 as an excuse",
    (
        "exact search: groups far apart",
        "plugins/neighbors/_rows/base.py",
        "        blurred = np.flatnonzero("
        "~(blur <= TOLERANCE * self._lengths(wide_distances[:, 0])))\n",
        "        blurred = np.empty(0, dtype=int)\n",
        (f"{NUMERICS}::test_tables", f"{NUMERICS}::test_exact_is_exact_whatever_the_numbers"),
    ),
    (
        "exact search: the right distances of the wrong rows",
        "plugins/neighbors/_rows/base.py",
        "        if len(doubtful):\n            again = rows[doubtful]\n",
        "        if False:\n            again = rows[doubtful]\n",
        (f"{NUMERICS}::test_tables",),
    ),
    (
        "approximate searches: what was lost is not said",
        "plugins/neighbors/_rows/approximate.py",
        "        warn_of_blur(len(X))\n",
        "",
        (f"{NUMERICS}::test_a_warning_says_what_float32_lost",),
    ),
    (
        "diagnostics: squares that vanish",
        "_util/rows.py",
        "    return first + math.frexp(span)[1] - 400 if span else 0\n",
        "    return 0\n",
        (f"{HARD_DATA}::test_hard_data", f"{HARD_DATA}::test_scale_does_not_change_a_correlation"),
    ),
    (
        "diagnostics: products that cancel",
        "_util/distances.py",
        "        return Keys(values, squares, 4 * (p + 4) * np.finfo(float).eps)\n",
        "        return Keys(values, squares, 0.0)\n",
        (f"{HARD_DATA}::test_hard_data", f"{HARD_DATA}::test_groups_apart_in_many_rows"),
    ),
    (
        "sparse rows: products that cancel",
        "plugins/neighbors/_rows/sparse_products.py",
        "        blurred = np.flatnonzero(~(errors <= TOLERANCE * result[:, 0]))\n",
        "        blurred = np.empty(0, dtype=int)\n",
        (f"{NUMERICS}::test_sparse_tables",),
    ),
    (
        "sparse rows: variances that cancel",
        "plugins/neighbors/_rows/pairwise.py",
        "    for rows in _centered_blocks(X):\n"
        '        total += np.einsum("ij,ij->j", rows, rows)\n',
        '    squares = X.multiply(X) if hasattr(X, "indptr") else X**2\n'
        "    mean = np.asarray(X.mean(axis=0)).ravel()\n"
        "    total += np.asarray(squares.sum(axis=0)).ravel() - X.shape[0] * mean**2\n",
        (f"{NUMERICS}::test_spread_of_columns_far_from_0",),
    ),
    (
        "another name of a metric: products that cancel",
        "affinity/_search.py",
        "    metric, metric_params = plain_metric(metric, metric_params)\n",
        "    metric = canonical_metric(metric)\n",
        ("util/test_metrics.py::test_another_name_has_the_same_neighbors",),
    ),
    (
        "PyNNDescent: no shift",
        "plugins/neighbors/_descent.py",
        '        self._space = VectorSpace("euclidean") '
        "if problem.metric in _HOMOGENEOUS else None\n",
        "        self._space = None\n",
        ("plugins/neighbors/test_pynndescent.py::test_rows_are_shifted_before_they_are_rounded",),
    ),
    (
        "PyNNDescent: distances of float32",
        "plugins/neighbors/_descent.py",
        "        true = self._candidates.measure(X, indices)\n",
        "        true = None\n",
        ("plugins/neighbors/test_pynndescent.py::test_distances_are_measured_again_in_float64",),
    ),
    (
        "haversine: distances of float32",
        "plugins/neighbors/_rows/pairwise.py",
        "            return X.astype(bool)\n        return X\n",
        "            return X.astype(bool)\n        return X.astype(np.float32)\n",
        (f"{NUMERICS}::test_haversine_within_a_street",),
    ),
)

SCALE = of_cause(
    "numbers out of the range of float32",
    (
        "squares that underflow: beside a one",
        "plugins/neighbors/_rows/spaces.py",
        "        underflow = math.sqrt(self._n_features) * _UNDERFLOW if squares else 0.0\n",
        "        underflow = 0.0\n",
        (
            f"{NUMERICS}::test_distances_beside_a_one",
            f"{NUMERICS}::test_exact_is_exact_whatever_the_numbers",
        ),
    ),
    (
        "an absurd row spoils the others",
        "plugins/neighbors/_rows/spaces.py",
        "                values[block] = np.clip(rows, -_SAFE[1], _SAFE[1])\n",
        "                values[block] = rows\n",
        ("test_degenerate.py::test_huge_numbers_do_not_blur_the_others",),
    ),
    (
        "an absurd row makes a batch fail unnamed",
        "plugins/neighbors/_rows/base.py",
        "        check_finite_lists(distances, self._problem.metric)\n",
        "",
        (f"{NUMERICS}::test_distances_too_large_for_float32_name_the_row",),
    ),
)

RECALL = of_cause(
    "a search that fell short",
    (
        "copies fill the lists",
        "plugins/neighbors/_rows/approximate.py",
        "        self._copies = Copies.of(self._rows)\n",
        "        self._copies = None\n",
        (
            f"{COPIES}::test_new_rows_find_all_copies",
            f"{PROMISES}::test_promises_are_kept_and_estimates_are_right",
        ),
    ),
    (
        "it knows, and does nothing",
        "plugins/neighbors/_rows/approximate.py",
        "        if not kept:\n",
        "        if False:\n",
        (
            f"{COPIES}::test_few_rows_are_measured_instead",
            f"{PROMISES}::test_promises_are_kept_and_estimates_are_right",
        ),
    ),
    (
        "it knows, and says nothing",
        "plugins/neighbors/_rows/approximate.py",
        "        warn_of_shortfall(name, estimate, self.MIN_RECALL, k)\n",
        "",
        (f"{COPIES}::test_low_recall_is_reported",),
    ),
    (
        "the estimate is not kept",
        "_facade/prepare.py",
        "recall=built.knn_index.estimated_recall)",
        "recall=None)",
        ("facade/test_recall.py::test_approximate_searches_say_what_they_found",),
    ),
)

GRAPHS = of_cause(
    "given neighbors, taken as they are",
    (
        "the row itself",
        "_util/neighbor_graphs.py",
        "    own = indices == np.arange(n)[:, None]\n",
        "    own = np.zeros(indices.shape, dtype=bool)\n",
        (
            "affinities/test_neighbor_index.py::"
            "test_a_given_graph_may_be_in_any_order_and_hold_the_rows_themselves",
            "affinities/test_nearest_neighbors.py::test_precomputed_neighbors",
        ),
    ),
    (
        "in any order",
        "_util/neighbor_graphs.py",
        "    order = np.lexsort((indices, np.where(own, np.inf, distances)), axis=1)[:, :k]\n",
        "    order = np.argsort(own, axis=1, kind='stable')[:, :k]\n",
        (
            "affinities/test_neighbor_index.py::"
            "test_a_given_graph_may_be_in_any_order_and_hold_the_rows_themselves",
        ),
    ),
    (
        "repeated",
        "_util/neighbor_graphs.py",
        "    if repeated.any():\n",
        "    if False:\n",
        ("affinities/test_neighbor_index.py::test_a_bad_graph",),
    ),
    (
        "masked",
        "_util/neighbor_graphs.py",
        "        if masked := count_masked(part):\n",
        "        if masked := 0:\n",
        ("affinities/test_neighbor_index.py::test_a_bad_graph",),
    ),
    (
        "refused by name, of data in any metric",
        "affinity/_search.py",
        '    if by_name and params and params.get("graph") is not None:\n',
        "    if False:\n",
        (
            "affinities/test_neighbor_index.py::"
            "test_a_given_graph_may_be_in_any_order_and_hold_the_rows_themselves",
        ),
    ),
    (
        "a diagonal that is not 0",
        "plugins/neighbors/precomputed.py",
        "            _check_diagonal(X)\n",
        "",
        ("plugins/neighbors/test_precomputed.py::test_the_diagonal_is_zero",),
    ),
)

FORMS = of_cause(
    "equal data in another form",
    (
        "repeated entries, unsorted indices",
        "_util/validation.py",
        "    if not rows.has_canonical_format:\n",
        "    if False:\n",
        (
            f"{VALIDATION}::test_sparse_data_is_what_it_adds_up_to",
            f"{VALIDATION}::test_sparse_data_has_the_affinities_of_what_it_adds_up_to",
        ),
    ),
    (
        "flags of a matrix that do not tell the truth",
        "_util/validation.py",
        "    rows = csr_matrix((given.data, given.indices, given.indptr), "
        "given.shape, copy=False)\n",
        "    rows = given\n",
        (f"{VALIDATION}::test_sparse_data_is_what_it_adds_up_to",),
    ),
    (
        "explicit zeros",
        "_util/validation.py",
        "    if not keep_zeros and np.count_nonzero(rows.data) < rows.nnz:\n",
        "    if False:\n",
        (f"{VALIDATION}::test_sparse_data_is_what_it_adds_up_to",),
    ),
    (
        "a stored zero that is a distance",
        "_facade/tsne.py",
        "                X = check_data(X, keep_zeros=self._reads_distances())\n",
        "                X = check_data(X)\n",
        (f"{VALIDATION}::test_a_stored_zero_is_a_distance",),
    ),
    (
        "masked values",
        "_util/validation.py",
        "    if masked := count_masked(X):\n",
        "    if False:\n",
        (f"{VALIDATION}::test_data_that_is_not_a_table_of_numbers_is_refused_by_name",),
    ),
    (
        "masked values of a map, in diagnostics",
        "diagnostics/_comparison.py",
        'check_data(embedding, name="embedding")',
        'check_data(np.asarray(embedding), name="embedding")',
        ("diagnostics/test_diagnostics.py::test_bad_parameters",),
    ),
    (
        "dates and times",
        "_util/validation.py",
        "    if kind in _REMEDIES:\n",
        "    if False:\n",
        (f"{VALIDATION}::test_data_that_is_not_a_table_of_numbers_is_refused_by_name",),
    ),
    (
        "sub-classes of arrays",
        "_util/validation.py",
        "            X = np.asarray(X)\n",
        "            X = np.asanyarray(X)\n",
        (f"{VALIDATION}::test_dense_data_in_another_representation",),
    ),
    (
        "columns in another order",
        "affinity/_index.py",
        '        check_column_names(X, self.problem.feature_names, name="data")\n',
        "",
        (
            "embedding/test_column_names.py::test_transform_and_extend",
            "embedding/test_column_names.py::test_affinities_of_new_rows",
        ),
    ),
)

METRICS = of_cause(
    "a metric without a value",
    (
        "rows of zeros, dense",
        "plugins/neighbors/_rows/pairwise.py",
        "    if undefined.any():\n",
        "    if False:\n",
        (
            f"{UNDEFINED}::test_equal_rows_of_zeros_are_at_distance_0",
            f"{UNDEFINED}::test_a_row_without_neighbors_is_named",
        ),
    ),
    (
        "constant rows under correlation, sparse",
        "plugins/neighbors/_rows/pairwise.py",
        '            if plain_sparse and problem.metric in ("cosine", "correlation")\n',
        "            if False\n",
        (f"{UNDEFINED}::test_sparse_rows_without_a_direction",),
    ),
    (
        "a row that has too few neighbors",
        "plugins/neighbors/_rows/pairwise.py",
        "        check_finite_lists(lists[1], self._problem.metric)\n",
        "",
        (f"{UNDEFINED}::test_a_row_without_neighbors_is_named",),
    ),
    (
        "a column that is constant",
        "plugins/neighbors/_rows/pairwise.py",
        "    return np.flatnonzero(low == high)\n",
        "    return np.empty(0, dtype=int)\n",
        (f"{UNDEFINED}::test_a_constant_column_is_named",),
    ),
)

DATA = PRECISION + SCALE + RECALL + GRAPHS + FORMS + METRICS
