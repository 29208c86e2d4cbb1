# cython: language_level=3
"""What the native layer was built with and runs on."""

cdef extern from "isa.hpp" namespace "tsnekit":
    const char* c_isa_name "tsnekit::isa_name"() noexcept

cdef extern from *:
    """
    #ifdef _OPENMP
    #define TSNEKIT_HAS_OPENMP 1
    #else
    #define TSNEKIT_HAS_OPENMP 0
    #endif
    """
    const int TSNEKIT_HAS_OPENMP


def has_openmp():
    """Whether the kernels can use more than one thread."""
    return TSNEKIT_HAS_OPENMP == 1


def instruction_set():
    """Name of the instruction set that the kernels use: baseline, avx2 or avx512."""
    return c_isa_name().decode()
