"""Ways in which an answer can be broken, by name: a wrong value where a counter belongs, or a broken text.

Only answers with status 200 are broken; the names are those of the ``malformed`` switch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType


def _with_a_member_twice(text: str) -> str:
    """Repeat an object's last member: of the Nellie answer the list of requests, of Nected's the message."""
    key = '"recentRequests"' if '"recentRequests"' in text else '"message"'
    member = text[text.index(key) : -1]
    return f"{text[:-1]}, {member}}}"


# What stands in the answer instead of a counter's value.
VALUES: Mapping[str, Callable[[int], object]] = MappingProxyType(
    {
        "float_counter": float,
        "nan_counter": lambda _: float("nan"),
        "negative_counter": lambda value: -1 - value,
        "null_counter": lambda _: None,
        "text_counter": str,
    }
)

# What is sent instead of the answer's text.
TEXTS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "array": lambda text: f"[{text}]",
        "duplicate_key": _with_a_member_twice,
        "empty": lambda _: "",
        "html": lambda _: "<!DOCTYPE html><title>Sign in</title><p>Sign in to use this network.</p>",
        "trailing_text": lambda text: text + " -- end",
        "truncated": lambda text: text[: len(text) // 2],
    }
)

NAMES = tuple(sorted({*VALUES, *TEXTS}))
