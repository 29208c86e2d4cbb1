"""Expected times of the search `forest`, right and wrong by a factor."""

from tsnekit.plugins.neighbors._cost import forest_seconds as right


def twice(problem, k):
    return 2 * right(problem, k)


def fivefold(problem, k):
    return 5 * right(problem, k)


def half(problem, k):
    return right(problem, k) / 2


def fifth(problem, k):
    return right(problem, k) / 5
