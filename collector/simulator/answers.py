"""What the two providers answer, to the letter of their documents: a pure function of a question.

Source: the references "Check Usage API" (Nected) and "GET /v1/usage" (Nellie). Nected documents its error codes and
one envelope of ``code`` and ``message``. Nellie documents the body of its 401 only; its other errors are given the
same four fields. A path neither provider has answers 404 and another method than GET 405, in the shape of the
provider whose paths it resembles.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from collector.domain.requests import RequestRecord
from collector.simulator import malformed
from collector.simulator.switches import Switches
from collector.simulator.traffic import History, Traffic

DEFAULT_WINDOW = 20
_DEFAULT_RETRY_AFTER = "30"


@dataclass(frozen=True, slots=True)
class Question:
    """One request as it arrived.

    Attributes:
        method: Such as ``GET``.
        path: Without a query.
        headers: Names in any case.
        instant: When it arrived.
        index: Which of the account's requests it is, counted from 0; see ``Switches``.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    instant: datetime
    index: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: the status, headers apart from those of the connection, and the body's bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class _Shown(Protocol):
    """Says what stands in the answer for a counter, given its name and its truth."""

    def __call__(self, meter: str, truth: Callable[[datetime], int]) -> object: ...


@dataclass(frozen=True, slots=True)
class _Api:
    """One provider: where it answers, which header holds the key, and the shapes of its bodies."""

    path: str
    key_header: str
    usage: Callable[[History, _Shown, tuple[RequestRecord, ...]], dict[str, object]]
    error: Callable[[int], dict[str, object]]


def answer(question: Question, traffic: Traffic, switches: Switches, admits: Callable[[str], bool]) -> Reply:
    """Return the provider's answer to ``question``.

    The address and the method are judged first, then the disturbances, then the key.

    Args:
        question: What was asked.
        traffic: The truth.
        switches: The faults in force.
        admits: Whether a key is a valid one; never asked about an empty key.
    """
    api = _api_for(question.path)
    if question.path != api.path:
        return _refusal(api, 404)
    if question.method != "GET":
        return _refusal(api, 405, {"Allow": "GET"})
    disturbed = switches.disturbs(question.index)
    if disturbed and switches.status is not None:
        return _refusal(api, switches.status, _waiting(switches))
    key = key_of(question)
    if not key or not admits(key):
        return _refusal(api, 401)
    if disturbed and switches.success_false:
        return _reply(200, json.dumps(api.error(500)))
    return _usage(api, question, traffic.history(key), switches)


def key_of(question: Question) -> str:
    """Return the key that came with ``question``, or an empty text."""
    wanted = _api_for(question.path).key_header.lower()
    return next((value for name, value in question.headers.items() if name.lower() == wanted), "").strip()


def account_of(question: Question) -> str:
    """Return a name for whom ``question`` is about: the provider's path and the key."""
    return f"{_api_for(question.path).path} {key_of(question)}"


def _usage(api: _Api, question: Question, history: History, switches: Switches) -> Reply:
    broken = switches.malformed if switches.disturbs(question.index) else None
    value_of: Callable[[int], object] = malformed.VALUES.get(broken or "", int)
    text_of = malformed.TEXTS.get(broken or "", str)

    def shown(meter: str, truth: Callable[[datetime], int]) -> object:
        return value_of(switches.shown(meter, truth, question.instant, question.index))

    window = DEFAULT_WINDOW if switches.window is None else switches.window
    recent = history.recent(question.instant, window) if api is _NELLIE else ()
    text = text_of(json.dumps(api.usage(history, shown, recent)))
    return _reply(200, text, {"Content-Type": "text/html; charset=utf-8"} if broken == "html" else None)


def _refusal(api: _Api, status: int, headers: Mapping[str, str] | None = None) -> Reply:
    return _reply(status, json.dumps(api.error(status)), headers)


def _reply(status: int, text: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, {"Content-Type": "application/json", **(headers or {})}, text.encode())


def _waiting(switches: Switches) -> dict[str, str]:
    """Return the ``Retry-After`` header: beside a 429 always, beside a 503 where it was asked for."""
    default = _DEFAULT_RETRY_AFTER if switches.status == 429 else ""
    text = default if switches.retry_after is None else switches.retry_after
    return {"Retry-After": text} if text and switches.status in {429, 503} else {}


def _api_for(path: str) -> _Api:
    return _NECTED if path == _NECTED.path or path.startswith("/dev/") else _NELLIE


def _nected_usage(history: History, shown: _Shown, _: tuple[RequestRecord, ...]) -> dict[str, object]:
    invocations = shown("invocations", history.invocations_at)
    return {"data": {"invocations": invocations}, "code": "success", "message": "Success."}


def _nected_error(status: int) -> dict[str, object]:
    code, message = _NECTED_ERRORS[status]
    return {"code": code, "message": message}


def _nellie_usage(history: History, shown: _Shown, recent: tuple[RequestRecord, ...]) -> dict[str, object]:
    return {
        "success": True,
        "totalRequests": shown("requests", history.requests_at),
        "totalCreditsUsed": shown("credits", history.credits_at),
        "recentRequests": [
            {
                "requestId": record.request_id,
                "status": record.status,
                "createdAt": _timestamp(record.created_at),
                "completedAt": _timestamp(record.completed_at),
                "creditsUsed": record.credits_used,
            }
            for record in recent
        ],
    }


def _nellie_error(status: int) -> dict[str, object]:
    error, details, code = _NELLIE_ERRORS[status]
    return {"success": False, "error": error, "details": details, "errorCode": code}


def _timestamp(instant: datetime | None) -> str | None:
    if instant is None:
        return None
    precision = "milliseconds" if instant.microsecond else "seconds"
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"


# Codes and texts of 401, 429 and 500 are the document's; the others follow them.
_NECTED_ERRORS = {
    401: ("UNAUTHORIZED", "Missing/invalid API key"),
    403: ("FORBIDDEN", "API key is not allowed to read usage"),
    404: ("NOT_FOUND", "Endpoint not found"),
    405: ("METHOD_NOT_ALLOWED", "Only GET is supported"),
    429: ("TOO_MANY_REQUESTS", "Rate limit exceeded"),
    500: ("INTERNAL_SERVER_ERROR", "Unexpected system error"),
    503: ("SERVICE_UNAVAILABLE", "Service is temporarily unavailable"),
}

# The 401 is the document's; the others follow it.
_NELLIE_ERRORS = {
    401: ("Unauthorized", "Valid API key required", "AUTH_REQUIRED"),
    403: ("Forbidden", "API key is not allowed to read usage", "FORBIDDEN"),
    404: ("Not Found", "Endpoint not found", "NOT_FOUND"),
    405: ("Method Not Allowed", "Only GET is supported", "METHOD_NOT_ALLOWED"),
    429: ("Too Many Requests", "Rate limit exceeded", "RATE_LIMITED"),
    500: ("Internal Server Error", "Unexpected system error", "INTERNAL_ERROR"),
    503: ("Service Unavailable", "Service is temporarily unavailable", "SERVICE_UNAVAILABLE"),
}

_NECTED = _Api("/dev/usage", "Nected-API-Key", _nected_usage, _nected_error)
_NELLIE = _Api("/v1/usage", "X-API-Key", _nellie_usage, _nellie_error)
