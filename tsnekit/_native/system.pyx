# cython: language_level=3
"""What the native layer was built with and runs on."""

cdef extern from "isa.hpp" namespace "tsnekit":
    const char* c_isa_name "tsnekit::isa_name"() noexcept

cdef extern from "parallel.hpp" namespace "tsnekit":
    bint c_has_threads "tsnekit::has_threads"() noexcept


def has_threads():
    """Whether the kernels can use more than one thread."""
    return c_has_threads()


def instruction_set():
    """Name of the instruction set that the kernels use: baseline, avx2 or avx512."""
    return c_isa_name().decode()
