"""Carries out ``verify``: proves the configured database as it is, and prints what was proved and found.

The database is only read: unlike every other verb this one does not bring kept terms to the settings first, or it would
repair what it is to find.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from collector.app.state_folder import state_of
from collector.app.wiring import agreements
from collector.config import Settings
from collector.domain.terms import fall_terms
from collector.errors import IntegrityError, UsageError
from collector.providers import PROVIDERS
from collector.store.engine import Database
from collector.store.heads import Heads, not_there
from collector.store.revision import require_head
from collector.store.verifying.chain import Head
from collector.store.verifying.findings import Advance, Check, Place
from collector.store.verifying.proof import Proof, Wanted, kept_texts, prove, recorded_accounts, rows_to_prove

if TYPE_CHECKING:
    from reports.rendering import Value

_EXPECTED = re.compile(r"(.+)=([1-9]\d{0,17}):([0-9a-fA-F]{8,64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verification came to.

    Attributes:
        place: The database, for people.
        pending: Accounts whose settings decide falls by other terms than those kept; the next verb applies them.
    """

    place: str
    proof: Proof
    pending: tuple[str, ...]


def verify(settings: Settings, accounts: Sequence[str] | None, expected: Sequence[str]) -> Verified:
    """Prove the ledger of the configured database.

    Args:
        settings: What is configured.
        accounts: Names; None means all that are recorded.
        expected: ``ACCOUNT=NUMBER:DIGEST`` each, as an earlier proof printed it.

    Raises:
        UsageError: An account is not recorded, or an expectation cannot be read.
        StorageError: The database cannot be read.
        RevisionError: Its schema is older or newer.
        IntegrityError: The file is damaged.
    """
    wanted = _expectations(expected)
    database = Database(settings.database_url)
    try:
        require_head(database)
        _require_recorded(recorded_accounts(database), accounts, wanted)
        catalogue = {name: one.meters for name, one in PROVIDERS.items()}
        with _progress(rows_to_prove(database, accounts)) as advance:
            proof = prove(database, Wanted(accounts, wanted, catalogue), advance)
        remembered = _remembered(database, state_of(settings).heads, accounts)
        if remembered is not None:
            proof = replace(proof, checks=(*proof.checks, remembered))
        return Verified(database.place, proof, tuple(_pending(settings, database, proof)))
    finally:
        database.close()


def _remembered(database: Database, heads: Heads, accounts: Sequence[str] | None) -> Check | None:
    """Hold the database against what this machine saw stored in it; None where it remembers nothing."""
    wanted = [one for one in heads.all if accounts is None or one.account in accounts]
    if not wanted:
        return None
    check = Check("remembered", "what this machine saw stored is still there")
    check.counted["remembered polls"] += len(wanted)
    with database.read() as connection:
        gone = not_there(connection, wanted)
    for one in gone:
        check.find(
            Place("poll", {"account": one.account, "id": one.number}, one.account),
            f"it was stored with digest {one.digest.hex()[:12]} and is not there any more: this is an older copy, or "
            "its end was lost; bring the right database back, or accept the loss with --accept-loss",
        )
    return check


def _expectations(texts: Sequence[str]) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = {}
    for text in texts:
        match = _EXPECTED.fullmatch(text)
        if match is None:
            raise UsageError(
                f"--expect takes ACCOUNT=NUMBER:DIGEST as `collector verify` prints it, not {text!r}; "
                "the digest has 8 to 64 hexadecimal digits"
            )
        found.setdefault(match[1], []).append((int(match[2]), match[3].lower()))
    return found


def _require_recorded(known: Sequence[str], accounts: Sequence[str] | None, expected: Iterable[str]) -> None:
    for name in [*(accounts or ()), *expected]:
        if name not in known:
            raise UsageError(f"no account is called {name!r} (recorded: {', '.join(known) or 'none'})")
    for name in expected:
        if accounts is not None and name not in accounts:
            raise UsageError(f"--expect names {name!r}, which --account leaves out")


def _pending(settings: Settings, database: Database, proof: Proof) -> Iterator[str]:
    """Yield the accounts whose kept terms are not those of the settings, once they can be read."""
    if not proof.heads:
        return
    kept = kept_texts(database)
    for name, agreement in sorted(agreements(settings).items()):
        if kept.get(name) and name in proof.heads and kept[name] != fall_terms(agreement).text:
            yield name


@contextmanager
def _progress(total: int) -> Iterator[Advance]:
    """Show a bar on a terminal, nothing in a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("proving"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(file=sys.stderr)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=total)
        yield lambda rows: bar.advance(task, rows)


def print_verified(verified: Verified, *, as_json: bool) -> None:
    """Print what was proved and what was found."""
    if as_json:
        from reports.rendering import write_object

        write_object(_object(verified), sys.stdout)
        return
    for line in _lines(verified):
        sys.stdout.write(f"{line}\n")


def require_proved(verified: Verified) -> None:
    """Fail where anything contradicts anything.

    Raises:
        IntegrityError: Something does.
    """
    found = sum(len(one.findings) + one.more for one in verified.proof.checks)
    if found:
        raise IntegrityError(
            f"the database {verified.place} contradicts itself in {found:,} "
            f"place{'s' if found != 1 else ''}; nothing was changed: look the rows up, or restore a backup"
        )


def _lines(verified: Verified) -> Iterator[str]:
    for check in verified.proof.checks:
        yield f"{'ok   ' if check.ok else 'WRONG'}  {check.words}"
        yield from (f"         {one.line}" for one in check.findings)
        if check.more:
            yield f"         … and {check.more:,} more"
        yield from (f"         note: {one}" for one in check.notes)
    for name in verified.pending:
        yield f"note   {name}: the settings decide falls by other terms than those kept; the next verb applies them"
    for name, head in verified.proof.heads.items():
        yield f"head   {name} {'has no polls' if head is None else head.words}"
    for name, head in verified.proof.closed.items():
        yield f"closed {name} {head.words}"
    yield "proved" if verified.proof.proved else "not proved"


def _object(verified: Verified) -> dict[str, Value]:
    heads: dict[str, Value] = {name: _head(head) for name, head in verified.proof.heads.items()}
    closed: dict[str, Value] = {name: _head(head) for name, head in verified.proof.closed.items()}
    checks = [_check(one) for one in verified.proof.checks]
    return {"proved": verified.proof.proved, "checks": checks, "heads": heads, "closed": closed}


def _head(head: Head | None) -> Value:
    return None if head is None else {"number": head.number, "digest": head.digest.hex()}


def _check(check: Check) -> dict[str, Value]:
    findings = [
        {"table": one.place.table, "key": dict(one.place.key), "of": one.place.whose or None, "fault": one.fault}
        for one in check.findings
    ]
    return {
        "name": check.name,
        "ok": check.ok,
        "counted": dict(check.counted),
        "findings": findings,
        "more": check.more,
        "notes": list(check.notes),
    }
