"""Requests that a library makes by itself through ``requests``: without an environment, and of bounded answers.

A library that calls ``requests.post`` takes proxies, passwords and certificates from the environment and reads an
answer of any length. The sessions that ``requests`` makes for a thread that is bound here do neither; other threads and
our own client (see ``adapter``) are not touched.

Public: ``plain_requests``, ``Answers``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests

_MOST_BYTES = 1024 * 1024
_bound = threading.local()
_installing = threading.Lock()


@dataclass(slots=True)
class Answers:
    """How many requests were answered with success (2xx)."""

    good: int = 0


class _Session(requests.Session):
    """What ``requests`` makes its sessions from, once this module was used."""

    def __init__(self) -> None:
        super().__init__()
        if getattr(_bound, "on", False):
            self.trust_env = False
            self.hooks["response"].append(_read_bounded)


@contextmanager
def plain_requests() -> Iterator[Answers]:
    """Let requests that libraries make in this thread ignore the environment and refuse answers beyond a megabyte.

    Gives what counts their good answers.
    """
    with _installing:
        if requests.sessions.Session is not _Session:
            for module in (requests, requests.sessions):
                setattr(module, "Session", _Session)  # noqa: B010 - a type cannot be assigned to in the eyes of mypy
    _bound.on, _bound.answers = True, Answers()
    try:
        yield _bound.answers
    finally:
        _bound.on = False


def _read_bounded(response: requests.Response, **_: object) -> None:
    """Read the answer before ``requests`` does, which would read all of it."""
    _bound.answers.good += 200 <= response.status_code < 300
    content = bytearray()
    for piece in response.iter_content(65536):
        content += piece
        if len(content) > _MOST_BYTES:
            response.close()
            raise requests.exceptions.ContentDecodingError("the answer is too long")
    response._content = bytes(content)  # noqa: SLF001 - where it is looked for; there is no other way to hand it over
