"""Faults that this package had: what came from files, plugins and callers and was not checked."""

from mutation import of_cause

CONTENTS = "files/test_contents.py::test_files_that_make_no_sense"

FILES = of_cause(
    "a file is believed",
    (
        "columns of P, out of range",
        "_files/affinities.py",
        "    return check_matrix(SparseAffinities(indptr, indices, data, shape), "
        'name=arrays.path("P"))\n',
        "    return SparseAffinities(indptr, indices, data, shape)\n",
        (f"{CONTENTS}[column of P]", f"{CONTENTS}[negative P]"),
    ),
    (
        "columns of sparse data, out of range",
        "_files/affinities.py",
        '    _check_rows(indptr, indices, data, shape, arrays.path("rows"))\n',
        "",
        ("files/test_contents.py::test_sparse_data_that_make_no_sense",),
    ),
    (
        "neighbors, out of range",
        "_files/affinities.py",
        '        _check_neighbors(indices, arrays.path("neighbors"))\n',
        "",
        (f"{CONTENTS}[neighbors]", f"{CONTENTS}[itself]", f"{CONTENTS}[twice]"),
    ),
    (
        "a field that is too short",
        "_files/embedding.py",
        '        field = arrays.take("field", reference.shape, np.float32)\n',
        '        field = arrays.take("field", (None, None), np.float32)\n',
        ("files/test_contents.py::test_partial_maps_that_make_no_sense",),
    ),
    (
        "members that are compressed",
        "_files/reader.py",
        "        if member.compress_type != zipfile.ZIP_STORED or member.file_size != "
        "member.compress_size:\n",
        "        if False:\n",
        (
            "files/test_damage.py::test_compressed_members",
            "files/test_damage.py::test_a_file_takes_no_more_memory_than_its_size_allows",
        ),
    ),
    (
        "shapes that are too large: MemoryError",
        "_files/reader.py",
        "        if n_bytes != member.file_size - NPY_PREFIX.size - length:\n",
        "        if False:\n",
        ("files/test_damage.py::test_headers_of_arrays",),
    ),
    (
        "a header that is nested: RecursionError",
        "_files/reader.py",
        "    if deepest > MAX_DEPTH:\n",
        "    if False:\n",
        (f"{CONTENTS}[nested]",),
    ),
    (
        "numbers that are too large: OverflowError",
        "_files/schema.py",
        "REFUSALS = (TypeError, ValueError, OverflowError)\n",
        "REFUSALS = (TypeError, ValueError)\n",
        (f"{CONTENTS}[huge seconds]",),
    ),
    (
        "values of another type: TypeError",
        "_files/schema.py",
        "REFUSALS = (TypeError, ValueError, OverflowError)\n",
        "REFUSALS = (ValueError, OverflowError)\n",
        (f"{CONTENTS}[parameter's type]",),
    ),
    (
        "members that are encrypted: RuntimeError",
        "_files/reader.py",
        "    RuntimeError,\n",
        "",
        ("files/test_damage.py::test_a_directory_that_lies",),
    ),
    (
        "kinds that are unknown",
        "_files/affinities.py",
        '    cls = KINDS[fields.text("kind", among=KINDS)]\n',
        '    cls = getattr(public, fields.text("kind"))\n',
        (f"{CONTENTS}[affinities]", f"{CONTENTS}[no class]"),
    ),
    (
        "NaN",
        "_files/schema.py",
        '        if array.dtype.kind == "f" and not np.isfinite(array).all():\n',
        "        if False:\n",
        (f"{CONTENTS}[NaN in P]", f"{CONTENTS}[NaN in the state]"),
    ),
    (
        "negative P",
        "affinity/_matrix.py",
        "    if rows.nnz and rows.data.min() < 0:\n",
        "    if False:\n",
        (f"{CONTENTS}[negative P]",),
    ),
    (
        "the state of a generator",
        "_files/random_states.py",
        "    _check_like(state, restored.get_state(legacy=False), name)\n",
        "",
        (f"{CONTENTS}[position]", f"{CONTENTS}[short key]"),
    ),
    (
        "a generator of another kind does not come back",
        "_files/random_states.py",
        "    restored = np.random.RandomState(GENERATORS[name](0))\n",
        "    restored = np.random.RandomState(0)\n",
        ("files/test_files.py::test_generators_continue_from_their_state",),
    ),
)

SAVING = of_cause(
    "a file is replaced without a look",
    (
        "a symbolic link",
        "_util/replacing.py",
        "    target = Path(os.path.realpath(path))\n",
        "    target = Path(path)\n",
        ("files/test_save.py::test_a_link_stays_and_its_target_is_written",),
    ),
    (
        "its mode",
        "_util/replacing.py",
        "            if mode is not None:\n",
        "            if False:\n",
        ("files/test_save.py::test_an_existing_file_keeps_its_mode",),
    ),
    (
        "a name of 230 letters",
        "_util/replacing.py",
        'target.with_name(f".tsnekit-{uuid.uuid4().hex}.part")',
        'target.with_name(f".{target.name}-{uuid.uuid4().hex}.part")',
        ("files/test_save.py::test_a_name_may_be_as_long_as_the_file_system_allows",),
    ),
    (
        "the input of the command",
        "cli/_paths.py",
        "            if _is_same_as_input(given, source):\n",
        "            if False:\n",
        (
            "facade/test_cli.py::test_no_input_is_overwritten",
            "facade/test_cli.py::test_standard_input_is_not_overwritten",
        ),
    ),
    (
        "another output of the command",
        "cli/_paths.py",
        "        if _is_same(first, second):\n",
        "        if False:\n",
        ("facade/test_cli.py::test_two_outputs_are_two_files",),
    ),
)

CALLERS = of_cause(
    "an argument is believed",
    (
        "affinities with columns out of range: a crash",
        "affinity/_base.py",
        "        self._matrix = check_matrix(given, square=True)\n",
        "        is_native = isinstance(given, SparseAffinities)\n"
        "        self._matrix = given if is_native else check_matrix(given, square=True)\n",
        (
            "affinities/test_given_affinities.py::test_a_broken_matrix_is_refused",
            "affinities/test_given_affinities.py::"
            "test_columns_out_of_range_do_not_crash_the_process",
        ),
    ),
    (
        "an array in place of affinities",
        "affinity/_base.py",
        "    if not isinstance(given, Affinities):\n",
        "    if False:\n",
        (
            "affinities/test_given_affinities.py::"
            "test_other_objects_are_refused_as_affinities_with_advice",
        ),
    ),
    (
        "affinities of the user's own: P cannot be set",
        "affinity/_base.py",
        "    @P.setter\n"
        "    def P(self, given: Any) -> None:  # noqa: N802\n"
        "        self.matrix = given\n",
        "",
        ("affinities/test_given_affinities.py::test_custom_affinities",),
    ),
    (
        "affinities of the user's own: a matrix is demanded",
        "affinity/_base.py",
        "matrix: Any = None, verbose",
        "matrix: Any, verbose",
        ("affinities/test_given_affinities.py::test_custom_affinities",),
    ),
    (
        "positions that are complex, or times",
        "_util/validation.py",
        "    plain = np.asarray(as_plain(given, name=name))\n",
        "    plain = np.asarray(given)\n",
        ("util/test_validation.py::test_data_that_is_not_a_table_of_numbers_is_refused_by_name",),
    ),
    (
        "positions that are text",
        "_util/validation.py",
        '            raise ValueError("text is no number")\n',
        "            pass\n",
        (
            "util/test_validation.py::test_positions_that_are_text_are_refused",
            "embedding/test_fixed.py::test_bad_weights_are_refused_before_any_work",
        ),
    ),
    (
        "points that are fixed by complex numbers, times or masked values",
        "_descent/fixed.py",
        "    weights = as_floats(fixed, name=name)\n",
        "    weights = np.array(fixed, dtype=np.float32)\n",
        ("embedding/test_fixed.py::test_bad_weights_are_refused_before_any_work",),
    ),
    (
        "times in place of numbers",
        "_util/validation.py",
        "NO_NUMBERS = (bool, np.bool_, np.timedelta64)\n",
        "NO_NUMBERS = (bool, np.bool_)\n",
        (
            "util/test_validation.py::test_real_numbers_only",
            "util/test_validation.py::test_fault_36_integers",
            "util/test_threads.py::test_other_types_are_errors",
        ),
    ),
    (
        "n_jobs=2**31",
        "_util/threads.py",
        "    if n_jobs > MAX_JOBS:\n",
        "    if False:\n",
        ("util/test_threads.py::test_numbers_of_threads_that_no_machine_has_are_errors",),
    ),
    (
        'memory_limit="0.4B"',
        "affinity/_memory.py",
        "    if limit < 1:\n",
        "    if found is None:\n",
        ("affinities/test_memory.py::test_limits_that_are_none",),
    ),
    (
        "the memory of a cgroup below the root",
        "affinity/_memory.py",
        "    return list(dict.fromkeys(files))\n",
        "    return files[:2]\n",
        ("affinities/test_memory.py::test_every_cgroup_of_the_process_counts",),
    ),
    (
        "labels: the work of 100 categories",
        "_drawing/labels.py",
        "        return *_used(list(given.categories), codes), True, bool(given.ordered)\n",
        "        present = np.asarray(labels, dtype=object).tolist()\n"
        "        names = [each for each in given.categories if each in set(present)]\n"
        "        codes = np.array([names.index(each) for each in present])\n"
        "        return names, codes, True, bool(given.ordered)\n",
        ("drawing/test_labels.py::test_categories_are_not_compared_label_by_label",),
    ),
    (
        "labels: mixed categories",
        "_drawing/labels.py",
        "        codes = np.asarray(given.codes, dtype=np.intp)\n",
        "        places = {each: i for i, each in enumerate(given.categories)}\n"
        "        present = np.array(np.asarray(labels).tolist()).tolist()\n"
        "        codes = np.array([places[each] for each in present], dtype=np.intp)\n",
        ("drawing/test_labels.py::test_classes_of_any_type",),
    ),
    (
        "labels: uint64 becomes negative",
        "_drawing/labels.py",
        "        unique = [int(each) for each in unique]\n",
        "        unique = np.array(unique).astype(int).tolist()\n",
        ("drawing/test_labels.py::test_classes_of_any_type",),
    ),
    (
        "array methods of an embedding return embeddings without a state",
        "_embedding/array.py",
        "        setattr(PlainMethods, _name, _method_of_plain(_name))\n",
        "        pass\n",
        ("embedding/test_array_methods.py::test_methods_are_those_of_plain_arrays",),
    ),
)

PLUGINS = of_cause(
    "a plugin is believed",
    (
        "specs are not checked",
        "_spec.py",
        "            object.__setattr__(self, field, checked)\n",
        "            pass\n",
        ("backends/test_specs.py::test_collections_become_what_the_fields_are",),
    ),
    (
        "a spec without a name",
        "_util/fields.py",
        '    if not isinstance(value, str):\n        raise TypeError(f"{field} must be a string',
        '    if False:\n        raise TypeError(f"{field} must be a string',
        (
            "backends/test_specs.py::test_fields_are_checked_when_a_spec_is_made",
            "backends/test_registry.py::test_a_malformed_spec_harms_nothing_else",
        ),
    ),
    (
        "aliases that are None, or taken letter by letter",
        "_util/fields.py",
        "    if isinstance(value, str) or not isinstance(value, Collection):\n",
        "    if False:\n",
        ("backends/test_registry.py::test_a_malformed_spec_harms_nothing_else",),
    ),
    (
        "a failure while names are claimed",
        "_backends/registry.py",
        "            except FAILURES as error:\n"
        "                loader.fail(found.plugin, found.distribution, describe(error), error)\n",
        "            except PluginConflictError as error:\n"
        "                loader.fail(found.plugin, found.distribution, describe(error), error)\n",
        ("backends/test_registry.py::test_a_spec_whose_own_code_fails_harms_nothing_else",),
    ),
    (
        "an import that exits",
        "_util/failures.py",
        "FAILURES = (Exception, SystemExit)\n",
        "FAILURES = (Exception,)\n",
        (
            "backends/test_registry.py::test_a_plugin_that_exits_is_left_out",
            "backends/test_specs.py::test_a_package_whose_import_fails_is_not_installed",
        ),
    ),
)

BORDER = FILES + SAVING + CALLERS + PLUGINS
