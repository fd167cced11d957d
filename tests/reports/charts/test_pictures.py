"""Pictures: whole, quiet, inert, the same each time, in the page's colours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from reports.charts.palette import DARK, LIGHT, Palette
from reports.charts.pictures import THEMED, available, interactive, png, specification, svg, titled
from reports.charts.usage import daily_usage
from reports.document import Chart
from tests.reports.charts.conftest import HOSTILE, SHAPES, day_rows, every_chart

_NAME = "{http://www.w3.org/2000/svg}"


def _parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - made by the house itself


@pytest.fixture(scope="module")
def usual() -> Chart:
    """A chart with everything in it: partial days, gaps, bounds, an open end."""
    rows = [dict(row) for row in day_rows([120, 90, 300, 40, 70])]
    rows[0]["partial"] = True
    rows[1] |= {"coverage": 0.0, "snapshots": 0, "lower": 0, "upper": 210}
    rows[3]["upper"] = None
    return daily_usage(rows, name="meter_1_by_day", title="Credits by day", unit="credits")


@pytest.fixture(scope="module")
def usual_svg(usual: Chart) -> str:
    return svg(usual, themed=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_chart_is_drawn_whatever_its_figures(shape: str, capfd: pytest.CaptureFixture[str]) -> None:
    for chart in every_chart(shape):
        root = _parsed(svg(chart, themed=True))
        low, high = (float(one) for one in root.attrib["viewBox"].split()[2:])
        assert low <= 700, chart.name
        assert high <= 600, chart.name
        assert "NaN" not in ET.tostring(root, encoding="unicode"), chart.name
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("shape", ["empty", "mixed"])
def test_every_specification_keeps_to_the_schema(shape: str) -> None:
    for chart in every_chart(shape):
        spec = titled(chart).to_dict(validate=True)
        assert spec["datasets"] == specification(chart)["datasets"]


_FORBIDDEN = {_NAME + word for word in ("script", "foreignObject", "a", "image", "use", "style")}


def _dangers(text: str) -> Iterator[str]:
    for one in _parsed(text).iter():
        if one.tag in _FORBIDDEN:
            yield one.tag
        yield from (name for name in one.attrib if name.lower().startswith("on") or name.endswith("href"))
        yield from (value for value in one.attrib.values() if "javascript" in value or "url(http" in value)


def test_hostile_words_are_only_words() -> None:
    drawn = [svg(chart, themed=True) for chart in every_chart("hostile")]
    assert [danger for text in drawn for danger in _dangers(text)] == []
    assert all("⟨U+" in text for text in drawn)
    assert all(one.isprintable() for text in drawn for one in text)


def test_hostile_words_reach_no_expression() -> None:
    for chart in every_chart("hostile"):
        assert [found for found in _expressions(specification(chart)) if "alert" in found or "+datum.x" in found] == []


_CODE = {"expr", "labelExpr", "signal", "calculate", "test"}


def _expressions(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (str(one) for key, one in part.items() if key in _CODE)
        for one in part.values():
            yield from _expressions(one)
    elif isinstance(part, list):
        for one in part:
            yield from _expressions(one)


def test_a_themed_picture_has_no_colour_of_its_own(usual_svg: str) -> None:
    assert re.findall(r"#[0-9a-fA-F]{3,8}\b", usual_svg.replace("url(#", "url(")) == []
    used = set(re.findall(r'(?:fill|stroke)="([^"]*)"', usual_svg))
    own = {THEMED.ground, THEMED.ink, THEMED.muted, THEMED.line, THEMED.good, THEMED.warning, THEMED.bad, THEMED.band}
    assert used - {"none", "url(#meter_1_by_day_hatch)"} <= own | {*THEMED.series, *THEMED.ramp}


def test_a_picture_for_print_has_the_light_colours(usual: Chart) -> None:
    text = svg(usual, themed=False)
    assert "var(" not in text
    assert LIGHT.series[0] in text


def test_a_picture_says_what_it_shows_to_those_who_cannot_see_it(usual: Chart, usual_svg: str) -> None:
    root = _parsed(usual_svg)
    assert (root.get("role"), root.get("focusable")) == ("img", "false")
    told = {one.get("id"): one.text for one in root.iter() if one.get("id")}
    assert [told[name] for name in root.attrib["aria-labelledby"].split()] == [usual.title, usual.summary]


def test_a_picture_is_as_wide_as_its_place(usual_svg: str) -> None:
    root = _parsed(usual_svg)
    assert root.get("width") is None
    assert root.get("height") is None


def test_pictures_of_one_page_share_no_id(usual: Chart) -> None:
    other = Chart("meter_2_by_day", usual.title, usual.summary, usual.draw, usual.table)
    ids = [re.findall(r' id="([^"]*)"', svg(one, themed=True)) for one in (usual, other)]
    assert len(ids[0]) == 3
    assert set(ids[0]).isdisjoint(ids[1])


def test_every_reference_of_a_picture_is_answered_in_it(usual_svg: str) -> None:
    assert set(re.findall(r"url\(#([^)]*)\)", usual_svg)) <= set(re.findall(r' id="([^"]*)"', usual_svg))


def test_partial_days_are_hatched_and_others_are_not(usual_svg: str) -> None:
    # The bar and its sample in the key.
    assert usual_svg.count("url(#meter_1_by_day_hatch)") == 2


def test_the_same_chart_gives_the_same_bytes(usual: Chart, usual_svg: str) -> None:
    assert svg(usual, themed=True) == usual_svg
    assert png(usual, scale=1) == png(usual, scale=1)


@pytest.mark.parametrize("palette", [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")])
def test_a_png_is_on_the_ground_of_its_palette(usual: Chart, palette: Palette) -> None:
    picture = Image.open(BytesIO(png(usual, palette=palette))).convert("RGB")
    assert picture.getpixel((0, 0)) == tuple(bytes.fromhex(palette.ground[1:]))
    assert picture.width > 1000


class _Links(HTMLParser):
    """Collects what a page would fetch or follow; what stands inside scripts is code, not markup."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.found += [f"{tag} {name}" for name, _ in attrs if name in {"src", "href", "onload", "onerror"}]


def test_a_page_with_tooltips_asks_nobody_and_runs_only_its_own(usual: Chart) -> None:
    links, usual_links = _Links(), _Links()
    page = interactive(Chart("hostile", HOSTILE, HOSTILE, usual.draw, usual.table))
    links.feed(page)
    usual_links.feed(interactive(usual))
    assert links.found == []
    assert links.scripts == usual_links.scripts
    assert "default-src 'none'" in page
    assert page.isascii() or "\u202e" not in page


def test_the_extra_is_found_where_it_is_installed() -> None:
    assert available()
