"""What a chart is before it becomes a picture, a part of a page or an object of a notebook.

One specification serves them all. It is kept as plain Vega-Lite: making Altair objects of every layer takes longer than
drawing the picture, so that is done where somebody wants to go on with one.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import altair

    AltairChart: TypeAlias = altair.LayerChart

Spec: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart in the colours of one palette.

    Attributes:
        spec: Its Vega-Lite specification.
    """

    spec: Spec

    def to_dict(self) -> dict[str, object]:
        """Return the specification; the caller's own to change."""
        return copy.deepcopy(self.spec)

    def with_title(self, title: Spec) -> Drawn:
        """Return the same chart under another title."""
        return replace(self, spec={**self.spec, "title": title})

    def altair(self) -> AltairChart:
        """Return the chart as an Altair object; needs the extra ``charts``."""
        from altair import LayerChart  # noqa: PLC0415 - an extra that only notebooks need

        # The points are given apart: Altair would look at every one of them several times, which takes seconds.
        apart = {name: one for name, one in self.to_dict().items() if name not in {"datasets", "$schema"}}
        made = LayerChart.from_dict(apart)
        made.datasets = self.to_dict()["datasets"]
        return made
