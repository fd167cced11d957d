"""Chance as a pure function: bytes that look random and are always the same for the same seed and labels.

The simulator's history must be repeatable and its truth computable at any instant without replaying what came
before, so nothing here has a state: every draw is a hash of what it is for.
"""

from __future__ import annotations

import hashlib


class Chance:
    """One independent source of bytes.

    Args:
        root: What makes this source different from every other one.
    """

    __slots__ = ("_root",)

    def __init__(self, root: bytes) -> None:
        self._root = hashlib.blake2b(root, digest_size=32).digest()

    def branch(self, label: str) -> Chance:
        """Return the source named ``label`` below this one."""
        return Chance(self._root + label.encode())

    def draw(self, length: int, purpose: str, *place: int) -> bytes:
        """Return the ``length`` bytes that belong to ``purpose`` at ``place``; a longer draw starts with a shorter one.

        The extendable output of SHAKE-256 gives any length from one hash.
        """
        label = f"{purpose}:{':'.join(map(str, place))}"
        return hashlib.shake_256(self._root + label.encode()).digest(length)

    def number(self, below: int, purpose: str, *place: int) -> int:
        """Return an integer in ``[0, below)``."""
        return int.from_bytes(self.draw(8, purpose, *place), "big") % below
