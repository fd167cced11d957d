"""Nellie Writer: two counters, requests and credits, and the list of recent requests.

The reference calls both counters totals and does not say when they reset, nor how many requests the list holds.

Source: "GET /v1/usage", Nellie Writer API reference: endpoint, header, response fields and error responses.

Public: ``Nellie``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import Field

from collector.domain.accounts import Counts, Meter
from collector.domain.requests import RequestRecord
from collector.providers.contract import Answer, ApiRequest
from collector.providers.records import KNOWN_STATUSES, doubtful_times, read_records, unknown_record_fields
from collector.providers.validation import Counter, Documented, object_of, read_as, reported_error, unknown_fields

_REQUESTS = Meter("requests", "requests", counts=Counts.REQUESTS)
_CREDITS = Meter("credits", "credits", counts=Counts.CREDITS)

_LIST = "recentRequests"
_LONGEST_LIST = 1000  # ours, not the provider's: a longer list is a fault, not a history


class _Verdict(Documented):
    success: bool


class _Usage(_Verdict):
    total_requests: Counter
    total_credits_used: Counter
    recent_requests: Annotated[list[object], Field(max_length=_LONGEST_LIST)]


class Nellie:
    """The provider ``nellie``."""

    name: Final = "nellie"
    title: Final = "Nellie Writer"
    base_url: Final = "https://api.nelliewriter.com"
    key_env: Final = "NELLIE_API_KEY"
    meters: Final = (_REQUESTS, _CREDITS)
    requests_meter: Final = _REQUESTS.name

    def request(self) -> ApiRequest:
        """Return the asking for the key's usage.

        Source: "GET /v1/usage", "Endpoint" and "Authentication".
        """
        return ApiRequest("/v1/usage", "X-API-Key")

    def parse(self, payload: object) -> Answer:
        """Return both counters and the recent requests in listed order.

        Flags: ``coverage_gap`` where requests were made but none is listed, ``timestamps`` where a record's times
        contradict each other or its status, ``unknown_status`` where a status is not a documented one.

        Raises:
            AnswerRejectedError: ``api_error`` where ``success`` is false, otherwise ``schema`` with the place that
                is not as documented; nothing of such an answer is used.

        Source: "GET /v1/usage", "Response Fields" and "Recent Request Fields".
        """
        found = object_of(payload, self.title)
        if not read_as(_Verdict, found, self.title).success:
            raise reported_error(self.title, found, ("errorCode", "error", "details"))
        usage = read_as(_Usage, found, self.title)
        records, rejections = read_records(usage.recent_requests, _LIST, self.title)
        flags = _flags_of(records)
        if usage.total_requests and not usage.recent_requests:
            flags.add("coverage_gap")
        unknown = unknown_fields(_Usage, found) | unknown_record_fields(usage.recent_requests, _LIST)
        return Answer(
            counters={_REQUESTS.name: usage.total_requests, _CREDITS.name: usage.total_credits_used},
            requests=records,
            rejections=rejections,
            flags=tuple(sorted(flags)),
            unknown_fields=tuple(sorted(unknown)),
            repeated=len(usage.recent_requests) - len(records) - len(rejections),
        )


def _flags_of(records: Sequence[RequestRecord]) -> set[str]:
    flags = set()
    if any(record.status not in KNOWN_STATUSES for record in records):
        flags.add("unknown_status")
    if any(doubtful_times(record) for record in records):
        flags.add("timestamps")
    return flags
