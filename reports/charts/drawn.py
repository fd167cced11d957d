"""What a chart is before it becomes a picture or a part of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import altair

    Drawn: TypeAlias = altair.Chart | altair.LayerChart | altair.HConcatChart | altair.VConcatChart
