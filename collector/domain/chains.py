"""Judges a chain of digests link by link, and tells which link was changed.

A link's digest is over the digest before it and its own facts, so one changed fact breaks one link only as long as the
stored digests are taken at their word; what follows a break is judged on its own.

    digests   d1 ── d2 ── d3 ── d4      facts of 3 changed: 3 does not follow from d2, 4 follows from d3
                                        digest of 3 changed: 3 does not follow from d2, 4 follows from what 3 should be
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from collector.domain.digest import START

LinkT = TypeVar("LinkT")


class Fault(StrEnum):
    """What is wrong at one place of a chain."""

    MISSING = "missing"
    STRANGE = "strange"
    FACTS = "facts"
    DIGEST = "digest"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Break(Generic[LinkT]):
    """A place at which a chain does not hold.

    Attributes:
        fault: ``MISSING``: no links ``number`` to ``until``; ``STRANGE``: a number no link can have; ``FACTS``,
            ``DIGEST``: what of the link was changed; ``EITHER``: one of both, nothing follows that could tell.
        link: What the link states; None for ``MISSING``.
        previous, digest: The digests it stands between; None for ``MISSING`` and ``STRANGE``.
    """

    fault: Fault
    number: int
    until: int
    link: LinkT | None = None
    previous: bytes | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Doubt(Generic[LinkT]):
    number: int
    link: LinkT
    previous: bytes
    digest: bytes
    wanted: bytes

    def as_break(self, fault: Fault) -> Break[LinkT]:
        return Break(fault, self.number, self.number, self.link, self.previous, self.digest)


class Links(Generic[LinkT]):
    """Judges the links of one chain, given in order of their numbers.

    Args:
        follow: Returns the digest of a link after a digest.

    Attributes:
        proved: How many links follow from the one before them.
    """

    def __init__(self, follow: Callable[[bytes, LinkT], bytes]) -> None:
        self.proved = 0
        self._follow = follow
        self._previous: bytes | None = START
        self._next = 1
        self._doubt: _Doubt[LinkT] | None = None

    def add(self, number: int, digest: bytes, link: LinkT) -> Iterator[Break[LinkT]]:
        """Judge the next link; what is wrong with a link may only be told when the one after it comes."""
        if number < self._next:
            yield Break(Fault.STRANGE, number, number, link)
            return
        if number > self._next:
            yield from self.end()
            yield Break(Fault.MISSING, self._next, number - 1)
            self._previous = None
        yield from self._judge(number, digest, link)
        self._previous, self._next = digest, number + 1

    def end(self) -> Iterator[Break[LinkT]]:
        """Yield what is still in doubt."""
        doubt, self._doubt = self._doubt, None
        if doubt is not None:
            yield doubt.as_break(Fault.EITHER)

    def _judge(self, number: int, digest: bytes, link: LinkT) -> Iterator[Break[LinkT]]:
        previous, doubt = self._previous, self._doubt
        if previous is None:
            return  # nothing to follow from
        wanted = self._follow(previous, link)
        fits = wanted == digest
        if doubt is not None:
            self._doubt = None
            if not fits and self._follow(doubt.wanted, link) == digest:
                fits = True
                yield doubt.as_break(Fault.DIGEST)
            else:
                yield doubt.as_break(Fault.FACTS if fits else Fault.EITHER)
        if fits:
            self.proved += 1
        else:
            self._doubt = _Doubt(number, link, previous, digest, wanted)
