"""Asks an account once and understands the answer, without the key wherever the provider echoes it.

Nothing is stored here: a poll stores what it hears, ``doctor`` only tells it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from collector.domain.accounts import Account
from collector.domain.secret import Secret
from collector.errors import AnswerRejectedError, ClockAheadError
from collector.http import HttpAnswer
from collector.polling.redaction import IN_FACTS, Redactor
from collector.providers.contract import Answer, Provider
from collector.store.entries import CLOCK

_SKEW = timedelta(seconds=60)
_WRONG = timedelta(days=1, minutes=-1)
_LONGEST_AGE = timedelta(days=365)
_FUTURE = timedelta(days=1)
_LONGEST_FACT = 10_000  # a longer text is no fact: it is refused, and redacted where it is quoted


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


def require_clock(got: HttpAnswer) -> None:
    """Make sure that our clock is not a day ahead of the server's: values of the future would keep later ones out.

    Raises:
        ClockAheadError: It is.
    """
    if got.server_date is None:
        return
    theirs = got.server_date + min(timedelta(seconds=got.age_seconds or 0), _LONGEST_AGE)
    if got.received_at - theirs >= _WRONG:
        raise ClockAheadError(
            CLOCK,
            f"our clock says {got.received_at:%Y-%m-%d %H:%M}Z, but the provider's answer is dated "
            f"{theirs:%Y-%m-%d %H:%M}Z: one of the two clocks is wrong; values not entered: set ours if it is the one",
            theirs=theirs,
        )


def _without_key(got: HttpAnswer, key: Secret) -> object:
    """Return the payload with the key removed wherever the provider echoes it, also where it is spelt in escapes."""
    redactor = Redactor([key], IN_FACTS)
    if redactor.finds_in(got.body.decode("utf-8", "replace")):
        return _redacted(got.payload, redactor)
    return got.payload


def _redacted(value: object, redactor: Redactor) -> object:
    """Redact a JSON value; the loader has bounded its depth."""
    match value:
        case str():
            return redactor.text(value) if len(value) <= _LONGEST_FACT else value
        case list():
            return [_redacted(one, redactor) for one in value]
        case dict():
            return {redactor.text(name): _redacted(one, redactor) for name, one in value.items()}
        case _:
            return value
