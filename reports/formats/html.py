"""HTML: one file that holds everything, obeys nothing it holds, and asks no network.

The template escapes every text; besides it only our own style and the charts' SVG get into the page, and the latter is
looked through first: nothing but shapes and text, nothing that runs or loads.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import BinaryIO
from xml.etree import ElementTree as Xml  # our own pictures, never somebody's file

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from collector.errors import CollectorError
from reports.charts.palette import DARK, LIGHT, Palette
from reports.document import Document
from reports.formats.around import Around
from reports.formats.inert import unbroken
from reports.formats.pages import PageView, page_of
from reports.formats.wording import NOTHING

MOST_ROWS = 10_000
"""Rows of one table that a page shows."""
_FOLDER = Path(__file__).parent / "page"
_SHAPES = frozenset({
    "svg", "g", "defs", "title", "desc", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text",
    "tspan", "clipPath", "mask", "linearGradient", "radialGradient", "stop", "pattern", "style", "use", "symbol",
})  # fmt: skip
_LOADS = re.compile(r"url\(\s*['\"]?(?!#)|@import|javascript:", re.IGNORECASE)


def write_html(document: Document, out: BinaryIO, around: Around | None = None) -> None:
    """Write ``document`` as one self-contained page; a table beyond ``MOST_ROWS`` is cut, and says so."""
    page = page_of(document, most_rows=MOST_ROWS, on_paper=False)
    style = themes() + _style("page.css") + ("" if around is None else _style("around.css"))
    for piece in pieces(page, style=style, on_paper=False, around=around):
        out.write(piece.encode("utf-8"))


def paper_page(document: Document, most_rows: int) -> str:
    """Return ``document`` as the page that a PDF is made of: light colours, charts as pictures, no navigation."""
    page = page_of(document, most_rows=most_rows, on_paper=True)
    style = f":root {{ {_variables(LIGHT)} }}\n{_style('page.css')}\n{_style('paper.css')}"
    return "".join(pieces(page, style=style, on_paper=True))


def pieces(page: PageView, *, style: str, on_paper: bool, around: Around | None = None) -> Iterable[str]:
    """Return the page's text piece by piece."""
    values: Mapping[str, object] = {
        "page": page,
        "style": style,
        "on_paper": on_paper,
        "nothing": NOTHING,
        "around": around,
    }
    return _environment().get_template("page.html.jinja").generate(values)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.filters["as_svg"] = _as_svg
    return made


def _shown(value: object) -> object:
    """Return what stands on the page for a value: text unbroken, markup of our own as it is."""
    return unbroken(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _style(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def themes() -> str:
    """Return the CSS variables of both palettes: dark where the reader's system asks for it, light on paper."""
    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}"
    return f":root {{ {_variables(LIGHT)} }}\n{dark}\n"


def _variables(palette: Palette) -> str:
    single = ("ground", "ink", "muted", "line", "good", "warning", "bad", "band", "font")
    named = [(name, getattr(palette, name)) for name in single]
    named += [(f"series-{place}", one) for place, one in enumerate(palette.series, 1)]
    named += [(f"ramp-{place}", one) for place, one in enumerate(palette.ramp, 1)]
    return " ".join(f"--{name}: {value};" for name, value in named)


def _as_svg(text: str) -> Markup:
    """Return a chart's SVG as markup.

    Raises:
        CollectorError: It holds anything else than shapes and text, which would be a fault of our own.
    """
    for element in Xml.fromstring(text).iter():  # noqa: S314 - a picture we drew ourselves a moment ago
        name = str(element.tag).rpartition("}")[2]
        loads = name == "style" and _LOADS.search(element.text or "")
        if name not in _SHAPES or loads or any(map(_is_active, element.attrib.items())):
            raise CollectorError(f"a chart holds <{name}> with what a page must not run or load; please report this")
    return Markup(text)  # noqa: S704 - looked through above


def _is_active(attribute: tuple[str, str]) -> bool:
    """Tell whether an attribute runs or loads something; what is only read out may say anything."""
    name, value = attribute
    plain = name.rpartition("}")[2].lower()
    if plain.startswith("aria-"):
        return False
    return plain.startswith("on") or (plain == "href" and not value.startswith("#")) or bool(_LOADS.search(value))
