"""Reads from a chart what it would draw."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reports.charts.palette import LIGHT
from reports.document import Chart


def points(chart: Chart, *keys: str, layer: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the points that have all of ``keys``: of every layer but repetitions, or of ``layer``."""
    spec: dict[str, Any] = chart.draw(LIGHT).to_dict()
    layers = spec["layer"] if layer is None else [layer]
    found: list[dict[str, Any]] = []
    for one in layers:
        for point in spec["datasets"][one["data"]["name"]]:
            if set(keys) <= set(point) and point not in found[-2000:]:
                found.append(point)
    return found


def texts(chart: Chart) -> set[str]:
    """Return every text that stands in the picture, its key included."""
    return set(words(chart))


def words(chart: Chart) -> Iterator[str]:
    """Yield every text that stands in the picture, as often as it stands there."""
    spec: dict[str, Any] = chart.draw(LIGHT).to_dict()
    for one in spec["layer"]:
        field = one["encoding"].get("text", {}).get("field")
        if field is not None:
            yield from (str(point[field]) for point in spec["datasets"][one["data"]["name"]])
