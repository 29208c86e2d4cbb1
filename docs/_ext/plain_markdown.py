"""The directive ``markdown``: a Markdown file of the repository as part of a page.

The directive knows the Markdown of this repository: headings, paragraphs, lists, fenced code, pipe
tables, pictures, links and emphasis. One file thus serves readers of the repository and readers of
the documentation.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

__all__ = ["setup", "to_rst"]

UNDERLINES = '=-~^"'


def to_rst(text: str, *, skip_title: bool = False) -> str:
    """Translate Markdown to reStructuredText."""
    lines: list[str] = []
    source = text.splitlines()
    at = 0
    while at < len(source):
        line = source[at]
        heading = re.match(r"(#+) (.*)", line)
        if line.startswith("```"):
            end = next(i for i in range(at + 1, len(source)) if source[i].startswith("```"))
            lines += ["", f".. code-block:: {line[3:].strip() or 'text'}", ""]
            lines += ["   " + each for each in source[at + 1 : end]] + [""]
            at = end + 1
        elif heading:
            level, title = len(heading[1]), _inline(heading[2])
            if not (skip_title and level == 1):
                lines += ["", title, UNDERLINES[level - 1] * len(title), ""]
            at += 1
        elif line.startswith("|"):
            end = next(
                (i for i in range(at, len(source)) if not source[i].startswith("|")), len(source)
            )
            lines += _table(source[at:end])
            at = end
        elif picture := re.fullmatch(r"!\[(.*)\]\((.*)\)", line.strip()):
            lines += ["", f".. image:: {picture[2]}", f"   :alt: {picture[1]}", ""]
            at += 1
        else:
            lines.append(_inline(line))
            at += 1
    return "\n".join(lines)


def _inline(text: str) -> str:
    text = re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", text)
    return re.sub(r"\[([^\]]+)\]\(([^)]+)\)", r"`\1 <\2>`__", text)


def _table(rows: list[str]) -> list[str]:
    cells = [[_inline(cell.strip()) for cell in row.strip().strip("|").split("|")] for row in rows]
    lines = ["", ".. list-table::", "   :header-rows: 1", ""]
    for row in (cells[0], *cells[2:]):
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return [*lines, ""]


class Markdown(SphinxDirective):
    """Includes a Markdown file, whose path is relative to the page.

    The content of the directive is reStructuredText and comes first. If the file does not exist,
    the text of the option ``if-missing`` is shown instead.
    """

    required_arguments = 1
    has_content = True
    option_spec = {  # noqa: RUF012
        "skip-title": directives.flag,
        "if-missing": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        """Return the parsed file."""
        path = Path(self.env.doc2path(self.env.docname)).parent / self.arguments[0]
        self.env.note_dependency(str(path))
        if not path.exists() and "if-missing" in self.options:
            text = self.options["if-missing"]
        else:
            source = path.read_text(encoding="utf-8")
            text = "\n".join([*self.content, ""])
            text += to_rst(source, skip_title="skip-title" in self.options)
        section = nodes.section()
        section.document = self.state.document
        self.state.nested_parse(
            StringList(text.splitlines(), source=str(path)), 0, section, match_titles=True
        )
        return section.children


def setup(app: Any) -> dict[str, bool]:
    """Register the directive with Sphinx."""
    app.add_directive("markdown", Markdown)
    return {"parallel_read_safe": True}
