"""Asks an account once and understands the answer, without the key wherever the provider echoes it.

Nothing is stored here: a poll stores what it hears, ``doctor`` only tells it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from collector.domain.accounts import Account
from collector.domain.secret import Secret
from collector.errors import AnswerRejectedError
from collector.http import HttpAnswer
from collector.providers.contract import Answer, Provider

_SKEW = timedelta(seconds=60)
_FUTURE = timedelta(days=1)


class Asks(Protocol):
    """What a poll needs of the HTTP client."""

    def get_json(self, url: str, *, key_header: str, key: Secret, allow_close_delimited: bool = False) -> HttpAnswer:
        """Return the payload of one GET, or raise an ``AskError``."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer as it came, and what it says."""

    got: HttpAnswer
    answer: Answer


def ask(http: Asks, account: Account, provider: Provider) -> Heard:
    """Ask ``account``'s provider once.

    Raises:
        AskError: The provider could not be asked, or its answer is refused. Its message and its body may still hold
            a piece of the key: they are for a ``Redactor``.
    """
    request = provider.request()
    got = http.get_json(
        account.base_url.rstrip("/") + request.path,
        key_header=request.key_header,
        key=account.key,
        allow_close_delimited=account.allow_close_delimited,
    )
    try:
        answer = provider.parse(_without_key(got, account.key))
    except AnswerRejectedError as error:
        error.body = got.body
        raise
    return Heard(got, answer)


def flags_of(heard: Heard) -> tuple[str, ...]:
    """Return the names of what deserves a review although the answer stands, sorted."""
    got, answer = heard.got, heard.answer
    flags = set(answer.flags)
    if skew_of(got) is not None:
        flags.add("clock_skew")
    if got.age_seconds:
        flags.add("cached_response")
    latest = got.received_at + _FUTURE
    times = (time for one in answer.requests for time in (one.created_at, one.completed_at) if time is not None)
    if any(time > latest for time in times):
        flags.add("timestamps")
    return tuple(sorted(flags))


def skew_of(got: HttpAnswer) -> timedelta | None:
    """Return by how much our clock is ahead of the server's, or None where they agree to the minute."""
    if got.server_date is None:
        return None
    ahead = got.received_at - got.server_date
    return ahead if abs(ahead) > _SKEW else None


def _without_key(got: HttpAnswer, key: Secret) -> object:
    """Return the payload with the key removed wherever the provider echoes it, also where it is spelt in escapes."""
    text = got.body.decode("utf-8", "replace")
    if "\\" not in text and key.redact(text) == text:
        return got.payload
    return _redacted(got.payload, key)


def _redacted(value: object, key: Secret) -> object:
    """Redact a JSON value; the loader has bounded its depth."""
    match value:
        case str():
            return key.redact(value)
        case list():
            return [_redacted(one, key) for one in value]
        case dict():
            return {key.redact(name): _redacted(one, key) for name, one in value.items()}
        case _:
            return value
