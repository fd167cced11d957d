"""The contract between the collector and a provider: what to ask, and what the answer says.

A provider does no I/O. It names a request, and it turns a payload (already strict JSON) into an ``Answer`` or
refuses it. All or nothing for the counters; a bad request record alone is rejected alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from collector.domain.accounts import Meter
from collector.domain.requests import RequestRecord


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One GET: the path below the account's base URL, and the header that carries the key."""

    path: str
    key_header: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """A request record that was refused alone.

    Attributes:
        where: Its place in the payload, such as ``recentRequests[3].requestId``.
        reason: Why, in one plain sentence without the record's own text.
        raw: The offending value as JSON text, at most 200 characters.
    """

    where: str
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one payload says.

    Attributes:
        counters: The value of every meter of the provider, by meter name; integers in [0, 2^63).
        requests: The listed request records, each id once; empty for providers without a list.
        rejections: Records refused alone.
        flags: Short names of what deserves a review although the answer stands, such as ``timestamps``.
        unknown_fields: Names of fields the documents do not mention, as paths, sorted.
        repeated: How many records were listed again, to the letter, beside the first.
    """

    counters: Mapping[str, int]
    requests: tuple[RequestRecord, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    flags: tuple[str, ...] = ()
    unknown_fields: tuple[str, ...] = field(default=())
    repeated: int = 0


class Provider(Protocol):
    """One service with a metered API."""

    @property
    def name(self) -> str:
        """The provider's name in configuration and tables."""

    @property
    def title(self) -> str:
        """The provider's name for people."""

    @property
    def base_url(self) -> str:
        """Where the real service answers."""

    @property
    def key_env(self) -> str:
        """The environment variable that customarily holds the key."""

    @property
    def meters(self) -> tuple[Meter, ...]:
        """The meters every answer carries."""

    @property
    def requests_meter(self) -> str | None:
        """The counter that grows by one with each listed request, or None where there is no list."""

    def request(self) -> ApiRequest:
        """Return what to ask."""

    def parse(self, payload: object) -> Answer:
        """Return what ``payload`` says.

        Raises:
            AnswerRejectedError: The payload is not what the provider's documents promise.
        """
