"""The colours of charts and pages: readable on light and on dark ground, and told apart by people who see few colours.

Every series also differs by shape, pattern, direct label or place: no meaning is carried by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as CSS writes them.

    Attributes:
        ground, ink, muted, line: Page, text, secondary text (4.5 : 1 on ``ground``), rules and axes.
        series: For quantities, in order of use; each 3 : 1 on ``ground``.
        good, warning, bad: For judgements; each 4.5 : 1 on ``ground``.
        band: For intervals behind a line.
        ramp: From few to many, for heat maps, light to strong against ``ground``.
        font: The family of all text.
    """

    ground: str
    ink: str
    muted: str
    line: str
    series: tuple[str, ...]
    good: str
    warning: str
    bad: str
    band: str
    ramp: tuple[str, ...]
    font: str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"


LIGHT = Palette(
    ground="#ffffff",
    ink="#1b1f24",
    muted="#57606a",
    line="#d0d7de",
    series=("#1f6feb", "#b35900", "#1a7f64", "#8250df", "#a8326b"),
    good="#1a7f37",
    warning="#8a5a00",
    bad="#b42318",
    band="#c6dcfb",
    ramp=("#eef4fe", "#c6dcfb", "#8fb9f6", "#4d8df0", "#1f6feb", "#0b3d91"),
)
DARK = Palette(
    ground="#0f1419",
    ink="#e6edf3",
    muted="#9aa7b4",
    line="#30363d",
    series=("#6cb0ff", "#f0a35e", "#4fd1ab", "#c29bff", "#f28bb6"),
    good="#56d364",
    warning="#e3b341",
    bad="#ff8a80",
    band="#1c3a63",
    ramp=("#152238", "#1c3a63", "#265a9e", "#3f83dd", "#6cb0ff", "#b6d8ff"),
)
