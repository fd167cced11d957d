"""The payload faults that a provider's ``parse`` decides, as data: row id, payloads, and what must come of each.

The rows left out belong to the strict JSON loader (P1 to P6), to the ledger (P10 to P15, P17) and to the merging of
request records (P25, P26). Of P27 the future is missing here, and of P29 and P30 the comparison with earlier polls:
``parse`` knows neither the time nor the past.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import pytest

from collector.errors import AnswerRejectedError
from collector.providers import provider_named

PARSED_ROWS = {"P7", "P8", "P9", "P16", "P18", "P19", "P20", "P21", "P22", "P23", "P24", "P27", "P28", "P29", "P30"}

TWO_TO_63 = 2**63
COUNTERS = {"requests": 42, "credits": 8750}


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer stands: these ids are kept, these places refused alone."""

    ids: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One payload of a row; ``expected`` is the outcome of a rejected answer, or what is accepted."""

    name: str
    payload: object
    expected: Accepted | str
    provider: str = "nellie"


def record(request_id: object = "r-1", **fields: object) -> dict[str, object]:
    return {
        "requestId": request_id,
        "status": "completed",
        "createdAt": "2025-12-03T10:30:00Z",
        "completedAt": "2025-12-03T10:55:00Z",
        "creditsUsed": 250,
        **fields,
    }


def usage(*records: object, **fields: object) -> dict[str, object]:
    return {
        "success": True,
        "totalRequests": 42,
        "totalCreditsUsed": 8750,
        "recentRequests": list(records),
        **fields,
    }


def invocations(value: object) -> dict[str, object]:
    return {"data": {"invocations": value}, "code": "success", "message": "Success."}


def without(payload: Mapping[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in payload.items() if key != name}


def counter_cases(values: Mapping[str, object]) -> tuple[Case, ...]:
    """Every value in the place of every counter."""
    return tuple(
        case
        for name, value in values.items()
        for case in (
            Case(f"requests {name}", usage(record(), totalRequests=value), "schema:totalRequests"),
            Case(f"credits {name}", usage(record(), totalCreditsUsed=value), "schema:totalCreditsUsed"),
            Case(f"invocations {name}", invocations(value), "schema:data.invocations", "nected"),
        )
    )


def refused_alone(field: str, values: Mapping[str, object]) -> tuple[Case, ...]:
    """Every value in ``field`` of the second of three records."""
    return tuple(
        Case(
            f"{field} {name}",
            usage(record("r-1"), record(**{"request_id" if field == "requestId" else field: value}), record("r-3")),
            Accepted(("r-1", "r-3"), (f"recentRequests[1].{field}",)),
        )
        for name, value in values.items()
    )


def times(values: Mapping[str, object]) -> tuple[Case, ...]:
    return tuple(
        Case(f"accepts {name}", usage(record(createdAt=value)), Accepted(("r-1",))) for name, value in values.items()
    )


ODD_COUNTERS: Mapping[str, object] = {
    "null": None,
    "string": "8750",
    "true": True,
    "false": False,
    "decimal": Decimal("8750.5"),
    "whole decimal": Decimal("8750.0"),
    "float": 8750.0,
    "negative": -1,
    "list": [8750],
    "object": {},
}
HUGE_COUNTERS = {
    "2^63": TWO_TO_63,
    "20 digits": 10**19,
    "5000 digits": 10**4999,
    "1E+99999999": Decimal("1E+99999999"),
}
ODD_TEXTS = {
    "empty": "",
    "number": 17,
    "true": True,
    "null": None,
    "list": ["r-2"],
    "NUL": "a\0b",
    "control": "a\x1bb",
    "C1 control": "a\x9bb",
    "DEL": "a\x7fb",
    "final newline": "ab\n",
    "lone surrogate": "a\ud800",
    "reversed surrogates": "\udc00\ud800",
}
ODD_TIMES = {
    "naive": "2025-12-03T10:30:00",
    "24:00": "2025-12-03T24:00:00Z",
    "leap second": "2025-12-03T23:59:60Z",
    "epoch milliseconds": 1764757800000,
    "decimal": Decimal("1764757800.5"),
    "slashes": "03/04/2026",
    "date": "2025-12-03",
    "empty": "",
    "false": False,
    "lone surrogate": "2025-12-03T10:30:00\ud800",
    "before year 1 in UTC": "0001-01-01T00:00:00+01:00",
}

P_ROWS: Mapping[str, tuple[Case, ...]] = {
    "P7": tuple(
        Case(f"{provider} {name}", payload, "schema", provider)
        for provider in ("nected", "nellie")
        for name, payload in {"list": [usage()], "null": None, "string": "{}", "number": 1, "true": True}.items()
    ),
    "P8": (
        Case("requests missing", without(usage(), "totalRequests"), "schema:totalRequests"),
        Case("credits missing", without(usage(), "totalCreditsUsed"), "schema:totalCreditsUsed"),
        Case("invocations missing", {"data": {}, "code": "success"}, "schema:data.invocations", "nected"),
        Case("data missing", {"code": "success"}, "schema:data", "nected"),
        Case("data a list", {"code": "success", "data": [1]}, "schema:data", "nected"),
        *counter_cases(ODD_COUNTERS),
    ),
    "P9": counter_cases(HUGE_COUNTERS),
    "P16": (
        Case("top level", usage(record(), zone="eu", plan=None), Accepted(("r-1",), unknown=("plan", "zone"))),
        Case("record", usage(record(model="3.0")), Accepted(("r-1",), unknown=("recentRequests[].model",))),
        Case("refused record", usage(record("", x=1)), Accepted((), ("recentRequests[0].requestId",), (),
             ("recentRequests[].x",))),
        Case("hostile name", usage(record(), **{"\x1b[2J\ud800": 1}),
             Accepted(("r-1",), unknown=("\\u001b[2J\\ud800",))),
    ),
    "P18": (
        Case("missing", without(usage(), "recentRequests"), "schema:recentRequests"),
        Case("null", usage(recentRequests=None), "schema:recentRequests"),
        Case("object", usage(recentRequests={"0": record()}), "schema:recentRequests"),
        Case("string", usage(recentRequests="[]"), "schema:recentRequests"),
    ),
    "P19": (
        Case("requests counted", usage(), Accepted(flags=("coverage_gap",))),
        Case("requests listed", usage(record()), Accepted(("r-1",))),
    ),
    "P20": (
        Case("to the letter", usage(record(), record("r-2"), record()), Accepted(("r-1", "r-2"))),
        Case("same instant", usage(record(), record(createdAt="2025-12-03T11:30:00+01:00")), Accepted(("r-1",))),
        Case("one of them refused", usage(record(), record(creditsUsed=-1)),
             Accepted(("r-1",), ("recentRequests[1].creditsUsed",))),
    ),
    "P21": (
        Case("other credits", usage(record(), record(creditsUsed=1)), "schema:duplicate_id"),
        Case("other status", usage(record(), record(status="failed")), "schema:duplicate_id"),
        Case("other time", usage(record(), record(createdAt=None)), "schema:duplicate_id"),
    ),
    "P22": (
        *refused_alone("requestId", {**ODD_TEXTS, "201 characters": "x" * 201}),
        *refused_alone("status", {**ODD_TEXTS, "101 characters": "x" * 101}),
        *refused_alone("creditsUsed", {**without(ODD_COUNTERS, "null"), **HUGE_COUNTERS}),
        Case("id missing", usage({"status": "failed"}), Accepted((), ("recentRequests[0].requestId",))),
        Case("status missing", usage({"requestId": "r-1"}), Accepted((), ("recentRequests[0].status",))),
        Case("no object", usage("r-1", 7, None, []), Accepted((), tuple(f"recentRequests[{n}]" for n in range(4)))),
        Case("200 characters", usage(record("é" * 200)), Accepted(("é" * 200,))),
        Case("outside the basic plane", usage(record("😀" * 200)), Accepted(("😀" * 200,))),
    ),
    "P23": (
        Case("case", usage(record("a"), record("A", creditsUsed=1)), Accepted(("a", "A"))),
        Case("space", usage(record("a"), record("a ", creditsUsed=1)), Accepted(("a", "a "))),
        Case("normal form", usage(record("\u00e9"), record("e\u0301", creditsUsed=1)), Accepted(("\u00e9", "e\u0301"))),
    ),
    "P24": tuple(
        Case(status, usage(record(status=status)), Accepted(("r-1",), flags=("unknown_status",)))
        for status in ("queued", "COMPLETED", "<script>", "completed ", "x" * 100)
    ),
    "P27": (
        Case("ends first", usage(record(completedAt="2025-12-03T10:29:59.999999Z")),
             Accepted(("r-1",), (), ("timestamps",))),
        Case("ends at once", usage(record(completedAt="2025-12-03T10:30:00Z")), Accepted(("r-1",))),
        Case("processing has ended", usage(record(status="processing")), Accepted(("r-1",), (), ("timestamps",))),
        Case("completed never ended", usage(record(completedAt=None)), Accepted(("r-1",), (), ("timestamps",))),
        Case("failed never ended", usage(record(status="failed", completedAt=None)), Accepted(("r-1",))),
        Case("twice, and an unknown status", usage(record(completedAt=None), record("r-2", completedAt=None),
             record("r-3", status="queued")), Accepted(("r-1", "r-2", "r-3"), (), ("timestamps", "unknown_status"))),
    ),
    "P28": (
        *times({"null": None, "Z": "2025-12-03T10:30:00Z", "z": "2025-12-03t10:30:00z",
                "offset": "2025-12-03T11:30:00+01:00", "9 digits": "2025-12-03T10:30:00.123456789Z"}),
        Case("accepts absence", usage(without(record(), "createdAt")), Accepted(("r-1",))),
        *refused_alone("createdAt", ODD_TIMES),
        *refused_alone("completedAt", ODD_TIMES),
    ),
    "P29": (
        Case("oldest first", usage(record("r-1", createdAt="2025-12-01T00:00:00Z"), record("r-2")),
             Accepted(("r-1", "r-2"))),
        Case("1000 entries", usage(*(record(f"r-{n}") for n in range(1000))),
             Accepted(tuple(f"r-{n}" for n in range(1000)))),
        Case("1001 entries", usage(*(record(f"r-{n}") for n in range(1001))), "schema:recentRequests"),
    ),
    "P30": (
        Case("sum above total", usage(record(creditsUsed=9000)), Accepted(("r-1",))),
        Case("more requests than ids", usage(record(), record("r-2")), Accepted(("r-1", "r-2"))),
    ),
}  # fmt: skip

CASES = [pytest.param(case, id=f"{row}-{case.name}") for row, cases in P_ROWS.items() for case in cases]
REFUSED = [param for param in CASES if isinstance(param.values[0], Case) and isinstance(param.values[0].expected, str)]
STANDING = [param for param in CASES if param not in REFUSED]


def test_every_row_that_parse_decides_has_a_case() -> None:
    assert {row for row, cases in P_ROWS.items() if cases} == PARSED_ROWS


@pytest.mark.parametrize("case", REFUSED)
def test_answer_that_is_not_as_documented_is_refused_as_a_whole(case: Case) -> None:
    with pytest.raises(AnswerRejectedError) as refused:
        provider_named(case.provider).parse(case.payload)
    assert refused.value.outcome == case.expected


@pytest.mark.parametrize("case", STANDING)
def test_answer_stands_with_what_is_good_in_it(case: Case) -> None:
    answer = provider_named(case.provider).parse(case.payload)
    assert case.expected == Accepted(
        tuple(found.request_id for found in answer.requests),
        tuple(found.where for found in answer.rejections),
        answer.flags,
        answer.unknown_fields,
    )


@pytest.mark.parametrize("case", STANDING)
def test_counters_stand_whatever_becomes_of_the_records(case: Case) -> None:
    assert provider_named(case.provider).parse(case.payload).counters == COUNTERS
