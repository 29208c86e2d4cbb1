"""Faults that other packages have, by their numbers in the list of faults."""

from mutation import Mutation

MUTATIONS = [
    Mutation(
        1,
        "_native/kernels/affinities/perplexity.cpp",
        "const double nearest = low;",
        "const double nearest = 0.0;",
    ),
    Mutation(
        2,
        "plugins/neighbors/_rows/spaces.py",
        "            np.sqrt(distances, out=distances)\n",
        "            pass\n",
    ),
    Mutation(
        3,
        "plugins/neighbors/_rows/spaces.py",
        "            distances *= np.float32(0.5)\n",
        "            np.sqrt(distances, out=distances)\n",
    ),
    Mutation(
        4,
        "_native/kernels/points/bounds.cpp",
        "        float least = y[begin * dims + c];\n"
        "        float most = least;\n"
        "#pragma omp simd reduction(min : least) reduction(max : most)\n"
        "        for (index_t i = begin; i < end; ++i) {\n"
        "          const float value = y[i * dims + c];\n"
        "          least = value < least ? value : least;\n"
        "          most = value > most ? value : most;\n"
        "        }\n",
        "        float least = 1e38f;\n"
        "        float most = -1e38f;\n"
        "        for (index_t i = begin; i < end; ++i) {\n"
        "          const float value = y[i * dims + c];\n"
        "          if (value < least) {\n"
        "            least = value;\n"
        "          } else if (value > most) {\n"
        "            most = value;\n"
        "          }\n"
        "        }\n",
    ),
    Mutation(
        5,
        "plugins/gradients/_grid/geometry.py",
        "max(float(box.extent.max()), 1e-30)",
        "float(box.extent.max())",
    ),
    Mutation(
        6,
        "_native/kernels/tree/tree.cpp",
        "if (!(longest_side<D>(box) > 0.0f)) return false;",
        "",
    ),
    Mutation(
        7,
        "plugins/neighbors/_rows/lists.py",
        "        start = first if first < 0 else first + block.start\n",
        "        start = -1\n",
    ),
    Mutation(
        8,
        "_descent/field.py",
        "return np.array_equal(self.positions, positions)",
        "return True",
    ),
    Mutation(
        9,
        "_embedding/base.py",
        "                raise InterruptedByUser(self) from None\n",
        "                raise\n",
    ),
    Mutation(
        9,
        "_descent/loop.py",
        "        gradient.gradient(Y, forces, phase.exaggeration)\n",
        "        P = gradient._planned._affinities.data\n"
        "        P.setflags(write=True)\n"
        "        P[...] *= phase.exaggeration if iteration == 1 else 1\n"
        "        gradient.gradient(Y, forces, 1.0)\n",
    ),
    Mutation(
        10,
        "callbacks.py",
        "        for callback, wants_state in self._callbacks:\n",
        "        for callback, wants_state in self._callbacks[:1]:\n",
    ),
    Mutation(
        11,
        "_embedding/array.py",
        "        self._copy_attributes_to(duplicate)\n",
        "",
    ),
    Mutation(
        12,
        "_embedding/base.py",
        "            if not optimizer.state():\n",
        "            if True:\n",
    ),
    Mutation(
        13,
        "_util/validation.py",
        "dtype = np.float32 if small else (np.float64, np.float32)",
        "dtype = np.float64",
    ),
    Mutation(
        14,
        "plugins/neighbors/__init__.py",
        "        metric_params=True,\n        sparse=True,\n",
        "        metric_params=True,\n",
    ),
    Mutation(
        15,
        "specs.py",
        "        elif not self.callable_metrics:\n",
        "        elif False:\n",
    ),
    Mutation(
        16,
        "plugins/neighbors/_descent.py",
        "        short = np.flatnonzero((lists[0] < 0).any(axis=1))\n",
        "        short = np.empty(0, int)\n",
    ),
    Mutation(
        17,
        "_util/threads.py",
        "    if n_jobs == 0:\n",
        "    if n_jobs is False:\n",
    ),
    Mutation(
        18,
        "initialization/_diffusion_map.py",
        "v0=start, ",
        "v0=None, ",
    ),
    Mutation(
        19,
        "affinity/_matrix.py",
        'how == "max", indptr, joined, data, n_jobs)',
        'how == "max", indptr, joined, data, 1)',
    ),
    Mutation(
        19,
        "plugins/gradients/_grid/convolve.py",
        "self._convolution(charge, self._spectrum, fields, workspace, self._n_jobs)",
        "self._convolution(charge, self._spectrum, fields, workspace, 1)",
    ),
    Mutation(
        20,
        "_descent/gradient.py",
        "            self._dof,\n            cost,\n",
        "            1.0,\n            cost,\n",
    ),
    Mutation(
        21,
        "_native/kernels/descent/attraction.cpp",
        "  const index_t begin = p.row_start[row];\n",
        "  const int begin = static_cast<int>(p.row_start[row]);\n",
    ),
    Mutation(
        22,
        "_util/fields.py",
        "    if claimed is None or n_components in claimed:\n        return []",
        "    if True:\n        return []",
    ),
    Mutation(
        23,
        "_embedding/base.py",
        "with ProgressBar(phase_name, ending.at_most, shown=parameters.verbose) as bar:",
        "with ProgressBar(phase_name, ending.at_most, shown=True) as bar:",
    ),
    Mutation(
        24,
        "plugins/neighbors/_rows/refined_forest.py",
        '        return self.__dict__ | {"_forest": None}\n',
        "        import tempfile\n\n"
        "        with tempfile.NamedTemporaryFile() as file:\n"
        "            self._grown_forest().save(file.name)\n"
        '        return self.__dict__ | {"_forest": None}\n',
    ),
    Mutation(
        25,
        "_facade/tsne.py",
        "        self.learning_rate = learning_rate\n",
        '        self.learning_rate = 200.0 if learning_rate == "auto" else learning_rate\n',
    ),
    Mutation(
        26,
        "_embedding/full.py",
        "        if field is None or not field.fits(self):\n",
        "        if True:\n",
    ),
    Mutation(
        27,
        "plugins/gradients/_grid/repulsion.py",
        "        if kind not in self._said:\n",
        "        if False:\n",
    ),
    Mutation(
        28,
        "__init__.py",
        "import importlib\n",
        "import importlib\n\nimport numba\n",
    ),
    Mutation(
        29,
        "_native/kernels/affinities/perplexity.cpp",
        "double log_precision = std::min(std::max(std::log(above / row.mean) + guess, low), high);",
        "static thread_local double kept = min_log_precision;\n"
        "  low = std::max(low, kept);\n"
        "  double log_precision = kept = "
        "std::min(std::max(std::log(above / row.mean) + guess, low), high);",
    ),
    Mutation(
        30,
        "plugins/gradients/_grid/repulsion.py",
        "        out[outside] = 0.0\n",
        "        out[inside] = 0.0\n",
    ),
    Mutation(
        31,
        "_native/kernels/tree/barnes_hut.cpp",
        # Points nearer than about 1e-6 look like one. A merged node at their centre would not do:
        # at this scale forces are linear, and so it has the right one.
        "offset[c] = y[c] - Floats::load(source[c] + k);",
        "offset[c] = (y[c] - Floats(16.0f)) - (Floats::load(source[c] + k) - Floats(16.0f));",
    ),
    Mutation(
        32,
        "affinity/_matrix.py",
        "        values = values / total\n",
        "        values /= total\n",
    ),
    Mutation(
        33,
        "_util/validation.py",
        "    if not (np.abs(checked) <= MAX_POSITION).all():\n",
        "    if False:\n",
    ),
    Mutation(
        34,
        "initialization/_diffusion_map.py",
        "            if count == 1:\n",
        "            if True:\n",
    ),
    Mutation(
        35,
        "initialization/_placement.py",
        "    weights = np.divide(nearest, distances, where=distances > nearest, "
        "out=np.ones_like(distances))\n",
        "    weights = distances.copy()\n",
    ),
    Mutation(
        36,
        "_util/validation.py",
        "    if number < at_least:\n",
        "    if False:\n",
    ),
]
