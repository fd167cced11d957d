"""The page in a real browser: phone and desk, light and dark, no network, no violation of accessibility.

Needs Chromium; without it the tests are skipped, or fail where ``TEST_BROWSER_REQUIRED=1`` says that they must not be.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from reports.formats.html import write_html
from tests.reports.formats.samples import sample, several_meters

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PHONE, NARROW = ViewportSize(width=360, height=740), ViewportSize(width=320, height=640)
DESK = ViewportSize(width=1280, height=900)
Theme: TypeAlias = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all, or a skip with the reason."""
    path = shutil.which("chromium")
    if path is None:
        reason = "no chromium to look at pages with"
        if os.environ.get("TEST_BROWSER_REQUIRED") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample's page as a file."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    with path.open("wb") as out:
        write_html(sample(), out)
    return path


VIEWS: dict[str, tuple[ViewportSize, Theme]] = {
    "phone-light": (PHONE, "light"),
    "phone-dark": (PHONE, "dark"),
    "desk-light": (DESK, "light"),
    "desk-dark": (DESK, "dark"),
    "narrow-light": (NARROW, "light"),
}


@pytest.fixture(scope="module", params=VIEWS)
def seen(request: pytest.FixtureRequest, browser: Browser, file: Path) -> Iterator[tuple[Page, list[str]]]:
    """The page opened, with whatever it asked for or complained of."""
    size, scheme = VIEWS[request.param]
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page, told = context.new_page(), []
    page.on("request", lambda asked: told.append(asked.url))
    page.on("console", lambda said: told.append(said.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto(file.as_uri())
    yield page, told
    context.close()


def test_nothing_but_the_file_is_asked_for_and_nothing_runs(seen: tuple[Page, list[str]], file: Path) -> None:
    page, told = seen
    assert told == [file.as_uri()]
    assert page.title().startswith("Usage in October 2026 <script>")


def test_page_never_scrolls_sideways(seen: tuple[Page, list[str]]) -> None:
    page, _ = seen
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


# The judge takes its time, so it sees each size once, and each theme.
@pytest.mark.parametrize("seen", ["phone-light", "desk-dark"], indirect=True)
def test_no_rule_of_accessibility_is_broken(seen: tuple[Page, list[str]]) -> None:
    page, _ = seen
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert broken(page) == []


def broken(page: Page) -> list[tuple[str, str]]:
    """Return what axe-core holds against a page by any of its rules, and what it could not decide.

    It cannot tell what a text inside of a picture stands on; ``test_html`` holds all colours against each other.
    """
    found = Axe().run(page).response
    undecided = [one for one in found["incomplete"] if one["id"] != "color-contrast"]
    return [(one["id"], one["nodes"][0]["html"][:200]) for one in (*found["violations"], *undecided)]


def test_several_meters_break_no_rule_either(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with path.open("wb") as out:
        write_html(several_meters(), out)
    page = browser.new_page()
    page.goto(path.as_uri())
    assert broken(page) == []
    page.close()


@pytest.mark.parametrize("seen", ["phone-light", "desk-light"], indirect=True)
def test_one_picture_of_a_chart_is_shown_and_its_words_are_legible(seen: tuple[Page, list[str]]) -> None:
    page, _ = seen
    shown = "all.filter(one => one.getBoundingClientRect().width)"
    measure = f"all => {shown}.map(one => [one.getBoundingClientRect().right, one.getScreenCTM().a])"
    ((right, scale),) = page.eval_on_selector_all("figure svg", measure)
    assert right <= page.evaluate("innerWidth")
    assert 12 * scale >= 10


def test_chart_follows_the_theme(browser: Browser, file: Path) -> None:
    colours = []
    for scheme in THEMES:
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(file.as_uri())
        colours.append(page.eval_on_selector("svg text", "one => getComputedStyle(one).fill"))
        context.close()
    assert colours[0] != colours[1]
