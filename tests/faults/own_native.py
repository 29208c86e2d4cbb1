"""Faults that this package had in its native layer."""

from mutation import of_cause

NO_MEMORY = "native/test_out_of_memory.py::test_no_memory"
MAPPED = "embedding/test_extension.py::test_maps_in_read_only_memory_take_new_rows"
READ_ONLY = "native/test_read_only.py::test_read_only_inputs"

ABORTS = of_cause(
    "native code that ends the process",
    *(
        (
            f"no memory in {call}",
            f"_native/{module}.pyx",
            f"{end}\n    ) except + nogil\n",
            f"{end}\n    ) noexcept nogil\n",
            (f"{NO_MEMORY}[{call}]",),
        )
        for call, module, end in (
            (
                "attraction.gradient_from_repulsion",
                "attraction",
                "bint z_per_row, float* out, double* row_logs,\n        int threads,",
            ),
            (
                "compact.CompactAffinities.fill",
                "compact",
                "uint32_t* word, uint8_t* tail, int threads,",
            ),
            (
                "perplexity.gaussian_weights",
                "perplexity",
                "double precision, float* weights, int threads,",
            ),
            ("refine.scan_rows", "refine", "const NeighborLists& lists,\n        int threads,"),
            ("reorder.curve_order", "reorder", "int32_t* order, int threads,"),
            ("tree.BarnesHut", "tree", "float limit, int leaf_size, int threads,"),
            (
                "fourier.GridConvolution.__call__",
                "fourier",
                "float* field, float* workspace, int threads,",
            ),
        )
    ),
    (
        "no memory for a thread",
        "_native/parallel.cpp",
        "      } catch (...) {  // no thread (system_error) or no memory for one (bad_alloc)\n",
        "      } catch (const std::system_error&) {\n",
        (
            f"{NO_MEMORY}[attraction.gradient_from_repulsion]",
            f"{NO_MEMORY}[perplexity.gaussian_weights]",
        ),
    ),
    (
        "no memory in a thread",
        "_native/parallel.cpp",
        "        if (!failure_) failure_ = std::current_exception();\n",
        "        std::terminate();\n",
        (
            f"{NO_MEMORY}[attraction.gradient_from_repulsion]",
            f"{NO_MEMORY}[perplexity.gaussian_weights]",
        ),
    ),
    (
        "a failure that goes unnoticed",
        "_native/parallel.cpp",
        "    if (failure) std::rethrow_exception(failure);\n",
        "",
        (
            f"{NO_MEMORY}[attraction.gradient_from_repulsion]",
            f"{NO_MEMORY}[perplexity.gaussian_weights]",
        ),
    ),
)

LARGE_DOF = of_cause(
    "large dof: the logarithm of a rounded sum",
    (
        "Barnes-Hut",
        "_native/kernels/tree/barnes_hut.cpp",
        "fast_exp(minus_dof * fast_log1p(scaled))",
        "fast_exp(minus_dof * fast_log(scaled + Floats(1.0f)))",
        ("native/test_large_dof.py::test_barnes_hut",),
    ),
    (
        "the divergence",
        "_native/kernels/descent/attraction.cpp",
        "  return fast_log1p(min(min(squared, Floats(largest)) * Floats(1.0f / dof), "
        "Floats(largest)));",
        "  return fast_log(Floats(1.0f) + min(squared * Floats(1.0f / dof), Floats(largest)));",
        ("native/test_large_dof.py::test_attraction_cost",),
    ),
    (
        "pairs",
        "_native/kernels/grid/pairs.cpp",
        "std::exp(-dof * std::log1p(scaled))",
        "std::pow(w, dof)",
        ("native/test_large_dof.py::test_pairs",),
    ),
)

BUFFERS = of_cause(
    "read-only buffers that cannot be passed",
    (
        "links that are followed",
        "_native/refine.pyx",
        "    const int32_t[:, ::1] links, int breadth,",
        "    int32_t[:, ::1] links, int breadth,",
        (f"{READ_ONLY}[searches]", MAPPED),
    ),
    (
        "lists that are linked",
        "_native/refine.pyx",
        "    const float[:, ::1] X, str metric, const int32_t[:, ::1] indices,\n"
        "    const float[:, ::1] distances, int reach,",
        "    const float[:, ::1] X, str metric, int32_t[:, ::1] indices,\n"
        "    float[:, ::1] distances, int reach,",
        (f"{READ_ONLY}[searches]",),
    ),
)

NATIVE = ABORTS + LARGE_DOF + BUFFERS
