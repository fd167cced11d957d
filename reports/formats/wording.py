"""Words that every format uses alike."""

from __future__ import annotations

from dataclasses import dataclass

from reports.document import Tone

MADE = "Made at {} by the usage history collector; instants are UTC unless a zone is named."
NOTHING = "No rows."
NO_PICTURES = (
    "The pictures are left out because the extra “charts” is not installed; every figure stands in the tables."
)


@dataclass(frozen=True, slots=True)
class ToneWords:
    """How a tone is told without colour.

    Attributes:
        sign: One character before the figure.
        word: What it means.
    """

    sign: str
    word: str


TONES = {
    Tone.GOOD: ToneWords("✓", "good"),
    Tone.WARNING: ToneWords("!", "attention"),
    Tone.BAD: ToneWords("✕", "problem"),
}


def more_rows(shown: int, total: int) -> str:
    """Return the sentence below a table of which only the first rows are shown."""
    return (
        f"The first {shown:,} of {total:,} rows; {total - shown:,} more are not shown here. "
        "XLSX and Markdown hold all of them; CSV, JSON and Parquet hold the report's own rows."
    )


def long_figures(charts: int, rows: int) -> str:
    """Return the sentence about charts whose figures are too many for paper."""
    of = "one chart, which has" if charts == 1 else f"{charts:,} charts, which have"
    return f"The figures of {of} more than {rows:,} rows, are left out here; HTML, Markdown and XLSX hold them."
