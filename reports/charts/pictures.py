"""Pictures of charts: SVG for pages, PNG for mail and notebooks, a page with tooltips for exploring.

Vega draws, without any network; what it drew is then made fit to stand in a page among others: ids of its own, nothing
that could run or fetch, a name and a description for those who cannot see it, hatching where days are partial. The same
chart gives the same bytes. This module and the extra ``charts`` are needed only where a picture is wanted.
"""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from typing import TYPE_CHECKING, cast

# Only what Vega drew of our own specification is parsed, in memory, and it has no document type.
from xml.etree import ElementTree as ET

from reports.charts.drawn import Drawn, Spec
from reports.charts.figures import inert, named
from reports.charts.frame import heading_of, narrow
from reports.charts.palette import LIGHT, Palette
from reports.charts.signs import HATCHED
from reports.document import Chart
from reports.extras import CHARTS, missing_package

if TYPE_CHECKING:
    from reports.charts.drawn import AltairChart

EXTRA = "charts"
THEMED = Palette(
    ground="var(--ground)",
    ink="var(--ink)",
    muted="var(--muted)",
    line="var(--line)",
    series=tuple(f"var(--series-{number})" for number in range(1, 6)),
    good="var(--good)",
    warning="var(--warning)",
    bad="var(--bad)",
    band="var(--band)",
    ramp=tuple(f"var(--ramp-{number})" for number in range(1, 7)),
)
"""Colours that the page decides, so that light and dark follow it; see ``reports.charts.palette`` for the names."""

_SVG = "http://www.w3.org/2000/svg"
_DROPPED = ("class", "role", "aria-label", "aria-roledescription", "aria-hidden", "pointer-events", "version")
_SHARED = frozenset({"fill", "stroke", "stroke-width", "fill-opacity", "font-size", "font-weight", "text-anchor"})
_REFERENCE = re.compile(r"url\(#([^)]*)\)")
_KEPT_OUT = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
)


def available() -> bool:
    """Tell whether pictures can be made: whether the extra ``charts`` is installed."""
    return missing_package(CHARTS) is None


def titled(chart: Chart, palette: Palette = LIGHT) -> AltairChart:
    """Return ``chart`` as an Altair object with its title over it."""
    return _titled(chart, palette).altair()


def _titled(chart: Chart, palette: Palette) -> Drawn:
    made = Drawn(chart.draw(palette).to_dict())
    heading = cast("Spec", made.spec["title"])
    return made.with_title(heading_of(str(heading["text"]), palette, inert(chart.title, 80)))


def specification(chart: Chart, palette: Palette = LIGHT, *, with_title: bool = True) -> dict[str, object]:
    """Return the Vega-Lite specification of ``chart``, with its title over it or without."""
    return _titled(chart, palette).spec if with_title else chart.draw(palette).to_dict()


def svg(chart: Chart, *, themed: bool, phone: bool = False) -> str:
    """Return ``chart`` as an SVG element to stand inside a page, without its title, as wide as its place.

    Args:
        chart: What to draw.
        themed: Whether colours are the page's CSS variables (``var(--ink)``) instead of those of the light palette.
        phone: Whether it is drawn narrow, so that its words are legible on a phone, with ids of its own.
    """
    palette = THEMED if themed else LIGHT
    name = f"{chart.name}_phone" if phone else chart.name
    with narrow() if phone else nullcontext():
        root = _drawn(specification(chart, palette, with_title=False), palette, name)
    _describe(root, chart, name)
    return _text(root)


def png(chart: Chart, *, scale: float = 2.0, palette: Palette = LIGHT, with_title: bool = True) -> bytes:
    """Return ``chart`` as PNG, ``scale`` pixels for each unit of its near 580, on the palette's ground."""
    import vl_convert  # noqa: PLC0415 - an extra, and an engine that is started by its import

    root = _drawn(specification(chart, palette, with_title=with_title), palette, chart.name, ground=True)
    return vl_convert.svg_to_png(_text(root), scale=scale)


def interactive(chart: Chart, palette: Palette = LIGHT) -> str:
    """Return a page of its own with ``chart`` and tooltips: one file that asks no network."""
    import vl_convert  # noqa: PLC0415 - see above

    blank = '{"mark":"point","description":"blank"}'
    page = vl_convert.vegalite_to_html(blank, bundle=True, renderer="svg")
    before, spec, after = page.rpartition(blank)
    if not spec:
        raise ValueError("the page that vl-convert makes has no specification to replace")
    # Inside a script only "<" could end it; in JSON it may always be written so.
    ours = json.dumps(specification(chart, palette), ensure_ascii=True).replace("<", "\\u003c")
    after = after.replace('{"renderer":"svg"}', '{"renderer":"svg","actions":false}', 1)
    head = f'<head><meta http-equiv="Content-Security-Policy" content="{_KEPT_OUT}">'
    return f"{before.replace('<head>', head, 1)}{ours}{after}"


def _drawn(spec: dict[str, object], palette: Palette, name: str, *, ground: bool = False) -> ET.Element:
    """Return what Vega draws of ``spec``, tidied; ``ground`` keeps the coloured ground behind it."""
    import vl_convert  # noqa: PLC0415 - see above

    drawn = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[], show_warnings=False)
    ET.register_namespace("", _SVG)
    root = ET.fromstring(drawn)  # noqa: S314 - see the import
    if not ground:
        _drop_ground(root)
    prefix = re.sub(r"[^a-z0-9_]", "_", name.lower())
    _hatch(root, palette)
    _tidy(root)
    _own_ids(root, prefix)
    return root


def _drop_ground(root: ET.Element) -> None:
    first = root[0]
    if first.tag == f"{{{_SVG}}}rect":
        root.remove(first)


def _hatch(root: ET.Element, palette: Palette) -> None:
    """Fill the marks of what was partly observed with stripes."""
    groups = [one for one in root.iter(f"{{{_SVG}}}g") if f" {HATCHED}_" in one.get("class", "")]
    if not groups:
        return
    square = {"width": "6", "height": "6"}
    pattern = ET.Element(
        f"{{{_SVG}}}pattern",
        {"id": "hatch", **square, "patternUnits": "userSpaceOnUse", "patternTransform": "rotate(45)"},
    )
    ET.SubElement(pattern, f"{{{_SVG}}}rect", {**square, "fill": palette.ground})
    ET.SubElement(pattern, f"{{{_SVG}}}rect", {"width": "2.2", "height": "6", "fill": palette.series[0]})
    definitions = ET.Element(f"{{{_SVG}}}defs")
    definitions.append(pattern)
    root.insert(0, definitions)
    for group in groups:
        for mark in group.iter(f"{{{_SVG}}}path"):
            mark.set("fill", "url(#hatch)")
            mark.attrib.pop("stroke-dasharray", None)


def _tidy(root: ET.Element) -> None:
    """Remove what only Vega's own page would need, and paths that draw nothing."""
    families = {one.attrib.pop("font-family") for one in root.iter() if "font-family" in one.attrib}
    if families:
        root.set("font-family", min(families))
    for parent in root.iter():
        _strip(parent)
    for parent in root.iter(f"{{{_SVG}}}g"):
        _share_attributes(parent)
    for name in ("width", "height"):
        root.attrib.pop(name, None)


def _strip(parent: ET.Element) -> None:
    for name in _DROPPED:
        parent.attrib.pop(name, None)
    if parent.get("opacity") == "1":
        del parent.attrib["opacity"]
    for child in list(parent):
        if child.get("d") in ("", "M0,0h0v0h0Z") or child.get("display") == "none":
            parent.remove(child)


def _share_attributes(group: ET.Element) -> None:
    """Write what all marks of a group have in common once, at the group; a year of days is half as long then."""
    marks = list(group)
    if len(marks) < 2 or any(len(one) for one in marks):
        return
    for name in sorted(_SHARED.intersection(marks[0].attrib)):
        common = {one.get(name) for one in marks}
        if len(common) == 1 and name not in group.attrib:
            for one in marks:
                del one.attrib[name]
            group.set(name, common.pop() or "")


def _own_ids(root: ET.Element, prefix: str) -> None:
    """Prefix all ids: Vega counts them anew in every picture, and several pictures share a page."""
    for one in root.iter():
        if "id" in one.attrib:
            one.set("id", f"{prefix}_{one.attrib['id']}")
        for name, value in one.attrib.items():
            if "url(#" in value:
                one.set(name, _REFERENCE.sub(rf"url(#{prefix}_\1)", value))


def _describe(root: ET.Element, chart: Chart, name: str) -> None:
    prefix = re.sub(r"[^a-z0-9_]", "_", name.lower())
    told = {"title": inert(chart.title, 200), "desc": named(chart.summary)}
    for place, (tag, words) in enumerate(told.items()):
        element = ET.Element(f"{{{_SVG}}}{tag}", {"id": f"{prefix}_{tag}"})
        element.text = words
        root.insert(place, element)
    root.set("class", "chart")
    root.set("role", "img")
    root.set("focusable", "false")
    root.set("aria-labelledby", f"{prefix}_title {prefix}_desc")


def _text(root: ET.Element) -> str:
    return ET.tostring(root, encoding="unicode")
