"""Reads request records strictly, one by one: what is wrong with one never costs the others.

The parser decides what an identifier, a status and a time may be, so that every database keeps the same rows.
Identifiers are compared to the letter: case, a trailing space and the normal form make a difference. Instants beyond
microseconds are cut off.

Source: "GET /v1/usage", Nellie Writer API reference, "Recent Request Fields". Its Python SDK, ``nellie-api`` 0.1.0
(``UsageRequest.from_api_response``), reads ``createdAt``, ``completedAt`` and ``creditsUsed`` as optional.

Public: ``KNOWN_STATUSES``, ``read_record``, ``read_records``, ``doubtful_times``, ``unknown_record_fields``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import Field, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError

from collector.domain.instants import parse_instant
from collector.domain.requests import FINAL_STATUSES, RequestRecord
from collector.providers.contract import Rejection
from collector.providers.quoting import json_text
from collector.providers.validation import Counter, Documented, answer_rejected, first_fault, unknown_fields

KNOWN_STATUSES = FINAL_STATUSES | {"processing"}

_NO_CONTROLS = r"^\P{Cc}*$"


def _instant(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        return parse_instant(value if isinstance(value, str) else "")
    except ValueError:
        raise PydanticCustomError("instant", "no instant") from None


_Instant = Annotated[datetime | None, PlainValidator(_instant)]


class _Record(Documented):
    request_id: Annotated[str, Field(min_length=1, max_length=200, pattern=_NO_CONTROLS)]
    status: Annotated[str, Field(min_length=1, max_length=100, pattern=_NO_CONTROLS)]
    created_at: _Instant = None
    completed_at: _Instant = None
    credits_used: Counter | None = None


def read_record(item: object, where: str) -> RequestRecord | Rejection:
    """Return the request record that ``item`` is, or why it is none; ``where`` is its place in the payload."""
    try:
        read = _Record.model_validate(item)
    except ValidationError as error:
        fault = first_fault(error)
        place = f"{where}.{fault.path}" if fault.path else where
        return Rejection(place, f"{fault.path or 'the record'} {fault.what}", json_text(fault.value))
    return RequestRecord(read.request_id, read.status, read.created_at, read.completed_at, read.credits_used)


def read_records(
    items: Sequence[object], where: str, title: str
) -> tuple[tuple[RequestRecord, ...], tuple[Rejection, ...]]:
    """Return the records among ``items`` in listed order, each id once, and the rejections of the others.

    Raises:
        AnswerRejectedError: An id is listed twice with different contents, so that neither can be believed.
    """
    records: dict[str, RequestRecord] = {}
    rejections: list[Rejection] = []
    for index, item in enumerate(items):
        read = read_record(item, f"{where}[{index}]")
        if isinstance(read, Rejection):
            rejections.append(read)
        elif records.setdefault(read.request_id, read) != read:
            raise answer_rejected(title, "duplicate_id", f"{where}[{index}] repeats an id with other contents")
    return tuple(records.values()), tuple(rejections)


def doubtful_times(record: RequestRecord) -> bool:
    """Return whether the record's times contradict each other or its status.

    Whether a time lies in the future is not asked here: that needs the time of the poll.
    """
    if record.completed_at is None:
        return record.status == "completed"
    if record.status == "processing":
        return True
    return record.created_at is not None and record.completed_at < record.created_at


def unknown_record_fields(items: Sequence[object], where: str) -> set[str]:
    """Return the paths of undocumented fields in any of ``items``, as ``recentRequests[].cost``."""
    return {path for item in items for path in unknown_fields(_Record, item, f"{where}[].")}
