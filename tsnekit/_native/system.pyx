# cython: language_level=3
"""What the native layer was built with and runs on."""

cdef extern from "isa.hpp" namespace "tsnekit":
    const char* c_isa_name "tsnekit::isa_name"() noexcept

cdef extern from "parallel.hpp" namespace "tsnekit":
    bint c_has_threads "tsnekit::has_threads"() noexcept

cdef extern from "cache.hpp" namespace "tsnekit":
    long c_second_cache_bytes "tsnekit::second_cache_bytes"() noexcept

cdef extern from "kernels/descent/attraction.hpp" namespace "tsnekit":
    cdef enum class Loading:
        gather
        one_by_one

    Loading c_loading_in_use "tsnekit::loading_in_use"() except +


def has_threads():
    """Whether the kernels can use more than one thread."""
    return c_has_threads()


def instruction_set():
    """Name of the instruction set that the kernels use: baseline, avx2 or avx512."""
    return c_isa_name().decode()


def loading():
    """How the attraction loads points: gather, or one_by_one; it is measured once."""
    return "gather" if c_loading_in_use() == Loading.gather else "one_by_one"


def second_cache_bytes():
    """Bytes of the second cache of a core, or 0 if the system does not tell."""
    return c_second_cache_bytes()
