"""Prints what the verbs found: tables or JSON to stdout, explanations to stderr."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collector.app.doctor import Finding
    from collector.app.polling_now import Turn
    from collector.app.spending import Verdict
    from collector.app.status import StatusRow
    from collector.domain.digest import ListFacts
    from collector.store.decisions import DecisionRow
    from reports.rendering import Row

_PIPE_WIDTH = 160
_NOTHING_RECORDED = "nothing was recorded in this range; `collector poll` records, `collector status` tells more"
_NOTHING = {"requests --gaps": "no poll of this range missed a request or left credits unexplained"}
_TURN_KEYS = (
    "outcome",
    "error",
    "finished_at",
    "next_poll_at",
    "values",
    "growth",
    "new_requests",
    "updated_requests",
    "missed_requests",
    "rejected_requests",
    "flags",
)


def output_stream() -> TextIO:
    """Return where results go."""
    return sys.stdout


def print_report(name: str, rows: Iterable[Row], chosen: str, out: TextIO, notes: Iterable[str] = ()) -> None:
    """Write a report's rows to ``out`` as ``table``, with ``notes`` below it, ``json`` or ``csv``."""
    from reports.rendering import write_csv, write_json

    if chosen == "json":
        write_json(rows, out)
    elif chosen == "csv":
        write_csv(rows, _columns(name), out)
    else:
        _print_report_table(name, rows, out)
        out.writelines(f"note: {note}\n" for note in notes)


def _columns(name: str) -> Sequence[str]:
    if name.startswith("requests"):
        from reports import request_gaps, requests

        return requests.COLUMNS if name == "requests" else request_gaps.COLUMNS
    from reports import burn_rate, daily, exhaustion

    return {"daily": daily.COLUMNS, "burn": burn_rate.COLUMNS, "exhaustion": exhaustion.COLUMNS}[name]


def _print_report_table(name: str, rows: Iterable[Row], out: TextIO) -> None:
    from reports.tables import TABLES

    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        sys.stderr.write(f"{_NOTHING.get(name, _NOTHING_RECORDED)}\n")
        return
    print_table(TABLES[name](itertools.chain([first], rows)), out)


def print_explanations(pages: Iterable[object], out: TextIO) -> None:
    """Write pages to ``out``, blank lines between them; where there is none, say why on stderr."""
    empty = True
    for page in pages:
        if not empty:
            out.write("\n")
        print_table(page, out)
        empty = False
    if empty:
        sys.stderr.write(f"{_NOTHING_RECORDED}\n")


def print_table(table: object, out: TextIO | None = None) -> None:
    """Print a rich table, as wide as the terminal or, in a pipe, as wide as it needs to be."""
    from rich.console import Console

    out = output_stream() if out is None else out
    console = Console(
        file=out, highlight=False, width=None if out.isatty() else _PIPE_WIDTH, soft_wrap=not out.isatty()
    )
    console.print(table)


def print_turns(turns: Sequence[Turn], *, as_json: bool) -> None:
    """Print what ``poll`` did for each account: what was new, or what went wrong."""
    if as_json:
        from reports.rendering import write_json

        write_json([_turn_row(turn) for turn in turns], output_stream())
        return
    for turn in turns:
        stream = sys.stderr if turn.exit_code else output_stream()
        stream.write(f"{turn.account}: {_turn_words(turn)}\n")


def _turn_row(turn: Turn) -> Row:
    """Return what ``poll --json`` says of one account: the same keys whatever happened."""
    row: dict[str, object] = {"account": turn.account, **dict.fromkeys(_TURN_KEYS)}
    row["outcome"] = "skipped" if turn.skipped else "error"
    row["error"] = turn.skipped if turn.error is None else str(turn.error)
    if turn.polled is not None:
        polled, stored = turn.polled, turn.polled.stored
        row |= {
            "outcome": polled.outcome,
            "error": polled.error,
            "finished_at": polled.finished_at,
            "next_poll_at": polled.next_poll_at,
            "values": {name: value for name, (value, _) in stored.growth.items()},
            "growth": {name: growth for name, (_, growth) in stored.growth.items()},
            "new_requests": stored.new_requests,
            "updated_requests": stored.updated_requests,
            "missed_requests": stored.missed_requests,
            "rejected_requests": 0 if polled.answer is None else len(polled.answer.rejections),
            "flags": list(polled.flags),
        }
    return row  # type: ignore[return-value]  # nested objects are for JSON only


def _turn_words(turn: Turn) -> str:
    if turn.error is not None:
        return str(turn.error)
    if turn.polled is None:
        return f"not asked: {turn.skipped}"
    polled = turn.polled
    if not polled.ok:
        return f"failed ({polled.outcome}): {polled.error}"
    return ", ".join([*_meter_words(turn), *_request_words(turn), *(f"flag {name}" for name in polled.flags)])


def _meter_words(turn: Turn) -> Iterable[str]:
    assert turn.polled is not None  # noqa: S101 - the caller looked
    stored = turn.polled.stored
    for name, (value, growth) in stored.growth.items():
        decided = stored.decisions.get(name)
        if decided:
            yield f"{name} {value:,} ({decided[-1].kind.value}: {decided[-1].reason})"
        else:
            yield f"{name} {value:,} ({'opening balance' if growth is None else f'{growth:+,}'})"


def _request_words(turn: Turn) -> Iterable[str]:
    assert turn.polled is not None  # noqa: S101 - the caller looked
    stored, answer = turn.polled.stored, turn.polled.answer
    if stored.new_requests or stored.updated_requests:
        yield f"{stored.new_requests} new and {stored.updated_requests} changed requests"
    if stored.listing.missed_before is not None:
        yield missed_words(stored.listing)
    for one in () if answer is None else answer.rejections:
        yield f"{one.where} refused: {one.reason}"


def missed_words(listing: ListFacts) -> str:
    """Return in words how many requests an overrun list never showed, and when they were made."""
    from collector.domain.instants import format_instant, instant_of

    count = "an unknown number of" if listing.missed is None else f"{listing.missed:,}"
    requests = "request was" if listing.missed == 1 else "requests were"
    after, before = (
        "?" if one is None else format_instant(instant_of(one).replace(microsecond=0))
        for one in (listing.missed_after, listing.missed_before)
    )
    return f"{count} {requests} missed, made between {after} and {before}"


def print_decisions(found: Sequence[DecisionRow], *, as_json: bool) -> None:
    """Print falls of counters and what was decided about them."""
    rows = [
        {("id" if key == "key" else key): value for key, value in asdict(one).items() if key != "meter_id"}
        for one in found
    ]
    if as_json:
        from reports.rendering import write_json

        write_json(rows, output_stream())
    elif not rows:
        sys.stderr.write("no counter ever fell or jumped\n")
    else:
        print_table(_decision_table(found))


def _decision_table(found: Sequence[DecisionRow]) -> object:
    from rich.table import Table

    from reports.tables import moment, number, plain

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("id", "account", "meter", "at", "fall", "decided", "by", "reason"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(
            one.key,
            plain(one.account),
            plain(one.meter),
            moment(one.at),
            f"{number(one.before)} → {number(one.after)}",
            _what_became_of(one),
            plain(one.decided_by),
            plain(one.reason),
        )
    return table


def _what_became_of(one: DecisionRow) -> str:
    if one.superseded_by is not None:
        return f"{one.kind} (replaced by {one.superseded_by})"
    return one.kind if one.superseded_at is None else f"{one.kind} (no longer follows)"


def print_findings(findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print what ``doctor`` found."""
    if as_json:
        from reports.rendering import write_json

        write_json([{"check": one.check, "ok": one.ok, "message": one.message} for one in findings], output_stream())
        return
    for one in findings:
        output_stream().write(f"{'ok   ' if one.ok else 'FAULT'}  {one.check:<9} {one.message}\n")


def print_status(rows: Sequence[StatusRow], *, as_json: bool, collectors: Sequence[str] = ()) -> None:
    """Print where every meter stands and, for people, what ``collectors`` says of what collects."""
    if as_json:
        from reports.rendering import write_json

        write_json([asdict(one) for one in rows], output_stream())
    elif not rows:
        sys.stderr.write("no account is configured or recorded yet; `collector init` writes a first collector.toml\n")
    else:
        from collector.app.status import explanations, status_table

        print_table(status_table(rows))
        for line in (*explanations(rows), *collectors):
            output_stream().write(f"{line}\n")


def print_allowance(verdict: Verdict, *, as_json: bool) -> None:
    """Print the answer of ``can-spend``."""
    if as_json:
        from reports.rendering import write_object

        write_object(asdict(verdict), output_stream())
        return
    from reports.tables import number

    words = "yes" if verdict.allowed else "no"
    left, wanted = number(verdict.remaining), number(verdict.amount)
    output_stream().write(
        f"{words}: {left} {verdict.unit} left on {verdict.account}, {wanted} wanted "
        f"(as of {verdict.age_seconds} s ago)\n"
    )
    if not verdict.complete:
        sys.stderr.write("note: the history begins within this billing period; earlier usage is not counted\n")
    if verdict.held:
        sys.stderr.write("note: the counter fell and nothing is decided yet; `collector resets list` shows it\n")


def print_check(place: str, revision: str, findings: Sequence[str]) -> None:
    """Print what ``db check`` found, as JSON."""
    from reports.rendering import write_json

    rows: list[Row] = [{"database": place, "revision": revision, "sound": False, "finding": one} for one in findings]
    write_json(rows or [{"database": place, "revision": revision, "sound": True, "finding": None}], output_stream())
