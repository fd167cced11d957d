"""Requests by status, and how long they took."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.charts.drawn import Drawn, Spec
from reports.charts.figures import NOTHING, counted, drawn, inert, magnitude, number, total
from reports.charts.frame import (
    FONT,
    HEIGHT,
    Point,
    field,
    framed,
    heights,
    layer,
    nothing,
    plain,
    value,
    width,
    written,
    zero_line,
)
from reports.charts.palette import Palette
from reports.document import Chart, Column, Kind, Table
from reports.rendering import Cell, Row

_MOST = 11  # statuses that get a bar of their own
_LONGEST = 22  # characters of a status that are shown
_ROW = 34
_CHARACTER = 7.8


def by_status(rows: Sequence[Row], *, name: str, title: str) -> Chart:
    """Return how many requests had each status, most first; beyond eleven statuses the rest together as "other".

    Args:
        rows: ``status`` str, of any length and content, and ``requests`` int.
        name: Prefix of anchors, unique within a document.
        title: What people read above the chart.

    Returns:
        The chart; for no rows one that says so. Its table has every status.
    """
    counts = sorted(
        ((str(row["status"]), int(number(row.get("requests")) or 0)) for row in rows), key=lambda one: (-one[1], one[0])
    )
    whole = sum(count for _, count in counts)
    columns = (
        Column("status", "Status"),
        Column("requests", "Requests", Kind.COUNT),
        Column("share", "Share", Kind.SHARE),
    )
    cells: list[Row] = [
        {"status": status, "requests": count, "share": count / whole if whole else None} for status, count in counts
    ]
    shown = [(inert(status, _LONGEST), count) for status, count in counts[:_MOST]]
    if len(counts) > _MOST:
        rest = counts[_MOST:]
        shown.append((f"other ({counted(len(rest), 'status', 'statuses')})", sum(count for _, count in rest)))
    table = Table(f"{name}_figures", title, columns, cells)
    summary = _status_summary(counts, whole)
    return Chart(name, title, summary, lambda palette: _statuses(shown, whole, palette), table)


def _status_summary(counts: Sequence[tuple[str, int]], whole: int) -> str:
    if not whole:
        return NOTHING
    told = ", ".join(f"{count:,} {inert(status, 40)} ({_share(count, whole)})" for status, count in counts[:4])
    more = f", and {counted(len(counts) - 4, 'other status', 'other statuses')}" if len(counts) > 4 else ""
    return f"{counted(whole, 'request')}: {told}{more}."


def _share(count: int, whole: int) -> str:
    """Return a share for people; neither all nor nothing unless it is."""
    percent = 100 * count / whole
    if count in (0, whole):
        return f"{percent:.0f} %"
    return f"{'> 99.9' if percent > 99.9 else '< 0.1' if percent < 0.1 else f'{percent:.1f}'} %"


def _statuses(counts: Sequence[tuple[str, int]], whole: int, palette: Palette) -> Drawn:
    if not whole:
        return nothing(palette, "requests by status")
    # The names stand left of the bars; the whole picture stays as wide as the others.
    wide = round(width() + 40 - _CHARACTER * max(len(status) for status, _ in counts))
    tall = _ROW * len(counts)
    points: list[Point] = [
        {
            "count": count,
            "base": 0,
            "from": place + 0.17,
            "to": place + 0.83,
            "middle": place + 0.5,
            "status": status,
            "said": f"{count:,}  ({_share(count, whole)})",
            "told": f"{status}: {counted(count, 'request')}",
        }
        for place, (status, count) in enumerate(counts)
    ]
    longest = max(count for _, count in counts)
    room = max(len(str(one["said"])) for one in points) * _CHARACTER + 16
    across: Spec = {
        "field": "count",
        "type": "quantitative",
        "scale": {"domain": [0, longest * wide / max(60, wide - room)], "nice": False},
        "axis": None,
    }
    down: Spec = {"field": "from", "type": "quantitative", "axis": None, "scale": _downward(len(counts))}
    names: Spec = {"type": "text", "align": "right", "baseline": "middle", "fontSize": FONT, "fill": palette.ink}
    said: Spec = {"field": "status", "type": "nominal"}
    bars: Spec = {"type": "rect", "fill": palette.series[0]}
    layers = [
        layer(points, bars, x=across, x2=field("base"), y=down, y2=field("to")),
        layer(points, names, x=value(-10), y=plain("middle"), text=said),
        *written(points, palette, plain("count"), plain("middle"), align="left", dx=8, baseline="middle"),
    ]
    return framed(layers, palette, f"requests by status, {whole:,} in all", size=(wide, tall))


def _downward(count: int) -> Spec:
    return {"domain": [count, 0], "nice": False, "zero": False}


def durations(rows: Sequence[Row], *, name: str, title: str) -> Chart:
    """Return how long requests took, as a histogram whose bins are drawn equally wide.

    Args:
        rows: Neighbouring bins in order: ``from_seconds``, ``to_seconds`` (None in the last: open), ``requests``.
        name: Prefix of anchors, unique within a document.
        title: What people read above the chart.

    Returns:
        The chart; for no rows one that says so.
    """
    columns = (
        Column("from_seconds", "From", Kind.SECONDS),
        Column("to_seconds", "To below", Kind.SECONDS),
        Column("requests", "Requests", Kind.COUNT),
    )
    table = Table(f"{name}_figures", title, columns, [{one.key: row.get(one.key) for one in columns} for row in rows])
    return Chart(name, title, _duration_summary(rows), lambda palette: _histogram(rows, palette), table)


def _duration_summary(rows: Sequence[Row]) -> str:
    whole = int(total(row.get("requests") for row in rows))
    if not whole:
        return NOTHING
    most = max(rows, key=lambda row: drawn(row.get("requests")) or 0.0)
    count = int(number(most.get("requests")) or 0)
    return f"{counted(whole, 'request')}; most, {count:,} ({_share(count, whole)}), took {_between(most)}."


def _between(row: Row) -> str:
    low, high = duration_words(row.get("from_seconds")), row.get("to_seconds")
    return f"{low} or longer" if drawn(high) is None else f"{low} to {duration_words(high)}"


def duration_words(seconds: Cell) -> str:
    """Return a duration in the largest unit that suits it, such as ``1 min``; a dash where it is not known."""
    known = drawn(seconds)
    if known is None:
        return "–"
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        if known >= length:
            return f"{float(f'{known / length:.3g}'):g} {unit}"
    return "0 s" if known == 0 else f"{float(f'{known * 1000:.3g}'):g} ms"


def _histogram(rows: Sequence[Row], palette: Palette) -> Drawn:
    if not total(row.get("requests") for row in rows):
        return nothing(palette, "requests by duration")
    scale = magnitude(row.get("requests") for row in rows)
    points: list[Point] = [
        {
            "at": place + 0.03,
            "until": place + 0.97,
            "height": scale.of(row.get("requests")) or 0.0,
            "base": 0,
            "told": f"{_between(row)}: {counted(int(number(row.get('requests')) or 0), 'request')}",
        }
        for place, row in enumerate(rows)
    ]
    across: Spec = {
        "field": "at",
        "type": "quantitative",
        "scale": {"domain": [0, len(rows)], "nice": False},
        "axis": {"labels": False, "ticks": False, "title": None, "values": []},
    }
    upward = heights(0, max(scale.of(row.get("requests")) or 0.0 for row in rows), whole=scale.divisor == 1)
    bars: Spec = {"type": "rect", "fill": palette.series[0]}
    layers = [layer(points, bars, x=across, x2=field("until"), y=upward, y2=field("base")), zero_line(palette)]
    return framed([*layers, *_edges(rows, palette)], palette, scale.unit("requests by how long they took"))


def _edges(rows: Sequence[Row], palette: Palette) -> Iterator[Spec]:
    """Yield the names of the bins' edges, as many as have room."""
    edges = [duration_words(row.get("from_seconds")) for row in rows]
    last = rows[-1].get("to_seconds")
    edges.append("longer" if drawn(last) is None else duration_words(last))
    room = width() / len(rows)
    step = max(1, -(-int(max(map(len, edges)) * _CHARACTER + 10) // max(1, int(room))))
    points: list[Point] = [{"at": place, "said": edges[place]} for place in range(0, len(edges), step)]
    mark: Spec = {"type": "text", "fontSize": FONT, "fill": palette.muted, "baseline": "middle"}
    yield layer(points, mark, x=plain("at"), y=value(HEIGHT + 20), text={"field": "said", "type": "nominal"})
    tick: Spec = {"type": "rule", "stroke": palette.muted, "strokeWidth": 1}
    yield layer(points, tick, x=plain("at"), y=value(HEIGHT), y2=value(HEIGHT + 6))
