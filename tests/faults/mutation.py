"""A fault that can be put back, and the tests that must notice it."""

from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Mutation:
    """A fault, as a text that replaces the right text in a file of the package.

    A fault of other packages has its number in the list of faults, and its tests are named
    ``test_fault_<number>_...``. A fault of this package is named by its cause and says which
    instance of the cause it is. It lists its tests as ``file::name``, the file below the folder of
    the tests.
    """

    fault: int | str
    file: str
    old: str
    new: str
    tests: tuple[str, ...] = ()
    instance: str = ""

    @property
    def is_native(self) -> bool:
        return self.file.startswith("_native/")

    @property
    def selection(self) -> tuple[str, ...]:
        """The arguments for pytest that select its tests."""
        if self.tests:
            # Tests that are named run though they are slow.
            return ("-m", "", *(str(TESTS / each) for each in self.tests))
        name = f"test_fault_{self.fault}_"
        paths = sorted(TESTS.rglob("test_*.py"))
        return ("-k", name, *(str(path) for path in paths if f"def {name}" in path.read_text()))

    @property
    def title(self) -> str:
        """What a report calls it."""
        return f"{self.fault}: {self.instance}" if self.instance else f"fault {self.fault}"


def of_cause(cause: str, *rows: tuple[str, str, str, str, tuple[str, ...]]) -> list[Mutation]:
    """Return the mutations of one cause, each as (instance, file, old, new, tests)."""
    return [
        Mutation(cause, file, old, new, tests, instance) for instance, file, old, new, tests in rows
    ]
