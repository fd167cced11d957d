"""Turns names into addresses without ever waiting longer than the attempt may.

The system's resolver cannot be given a deadline nor be interrupted, so it runs in a daemon thread that we stop
waiting for. A thread left behind ends when the resolver gives up by itself. Literal addresses need no thread.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from collector.http.attempt import Attempt


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address a connection can be made to, in the terms of the ``socket`` module."""

    family: int
    kind: int
    protocol: int
    address: tuple[Any, ...]


def endpoints_of(host: str, port: int, attempt: Attempt) -> list[Endpoint]:
    """Return where ``host`` can be reached, in the system's order of preference.

    Raises:
        OSError: The name has no address.
        TransientAskError: The deadline passed meanwhile.
        InterruptedAskError: The program is stopping.
    """
    if _is_literal(host):
        return _looked_up(host, port, socket.AI_NUMERICHOST)
    answers: SimpleQueue[object] = SimpleQueue()
    with attempt.stop.waking(answers):
        Thread(target=_look_up_into, args=(answers, host, port), name="resolver", daemon=True).start()
        try:
            answer = answers.get(timeout=attempt.remaining())
        except Empty:
            answer = None
    if isinstance(answer, OSError):
        raise answer
    if not isinstance(answer, list):
        attempt.stop.check()
        raise attempt.overdue()
    return answer


def _look_up_into(answers: SimpleQueue[object], host: str, port: int) -> None:
    try:
        answers.put(_looked_up(host, port, 0))
    except OSError as error:
        answers.put(error)
    except UnicodeError:
        answers.put(socket.gaierror(socket.EAI_NONAME, "not a host name"))


def _looked_up(host: str, port: int, flags: int) -> list[Endpoint]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [Endpoint(family, kind, protocol, address) for family, kind, protocol, _, address in found]


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
