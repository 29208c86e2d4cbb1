"""The first example of the page about clusters runs."""

import re
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="dask and distributed are missing")

PAGE = Path(__file__).parents[2] / "docs" / "cluster.rst"


def test_the_first_example(client, capsys):
    block = re.search(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", PAGE.read_text())[1]
    source = re.sub(r"^   ", "", block, flags=re.MULTILINE)
    # A cluster of the tests, in place of one of its own.
    source = source.replace("distributed.Client(n_workers=2, threads_per_worker=1)", "client")
    names = {"__name__": "__main__", "client": client}
    exec(compile(source, str(PAGE), "exec"), names)
    assert " = client\n" in source
    assert float(capsys.readouterr().out) == pytest.approx(0.744, abs=0.01)
    assert names["positions"].shape == (1797, 2)
