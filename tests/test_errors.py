from __future__ import annotations

import re
from datetime import timedelta

import pytest

from collector import errors
from collector.errors import (
    AnswerRejectedError,
    AskError,
    CollectorError,
    InterruptedAskError,
    RateLimitedError,
    TerminalAskError,
    TransientAskError,
)

_LINE = re.compile(r"(?P<lead>[ │├└─]*)(?P<name>\w+Error)\b(?: +exit (?P<code>\d))?")


def drawn_tree() -> dict[str, tuple[str | None, int]]:
    """Parent and exit code of every error, as the module's docstring draws them."""
    tree: dict[str, tuple[str | None, int]] = {}
    branch: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        depth = len(match["lead"])
        branch = [step for step in branch if step[0] < depth]
        parent = branch[-1][1] if branch else None
        inherited = 1 if parent is None else tree[parent][1]
        tree[match["name"]] = (parent, int(match["code"] or inherited))
        branch.append((depth, match["name"]))
    return tree


def grown_tree(root: type[CollectorError] = CollectorError, parent: str | None = None) -> dict[str, object]:
    tree: dict[str, object] = {root.__name__: (parent, root.exit_code)}
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            tree |= grown_tree(child, root.__name__)
    return tree


def test_tree_is_as_the_docstring_draws_it() -> None:
    assert drawn_tree() == grown_tree()


def test_exit_codes_are_the_documented_ones() -> None:
    assert {code for _, code in drawn_tree().values()} == {1, 2, 4, 5, 6, 7}


@pytest.mark.parametrize("kind", [TransientAskError, RateLimitedError])
def test_faults_that_may_pass_are_transient(kind: type[AskError]) -> None:
    assert kind.transient


@pytest.mark.parametrize("kind", [AskError, TerminalAskError, AnswerRejectedError, InterruptedAskError])
def test_faults_that_stay_are_not_transient(kind: type[AskError]) -> None:
    assert not kind.transient


def test_failed_asking_keeps_what_the_poll_row_needs() -> None:
    error = TerminalAskError("http_403", "not allowed", http_status=403, body=b"{}")
    assert (error.outcome, str(error), error.http_status, error.body) == ("http_403", "not allowed", 403, b"{}")


def test_failed_asking_may_have_no_answer() -> None:
    error = TransientAskError("conn_error", "refused")
    assert (error.http_status, error.body) == (None, None)


def test_rate_limit_keeps_the_wait_that_was_asked_for() -> None:
    error = RateLimitedError("too many", retry_after=timedelta(seconds=30))
    assert (error.outcome, error.http_status, error.retry_after) == ("http_429", 429, timedelta(seconds=30))


def test_interruption_explains_itself() -> None:
    error = InterruptedAskError()
    assert (error.outcome, str(error)) == ("interrupted", "the poll was given up because the program is stopping")
