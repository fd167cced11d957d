"""What notices say: for each kind of fault what happened and what to do, in our own words.

Public: ``WORDS``, ``notice``.
"""

from __future__ import annotations

import html
import socket
from dataclasses import dataclass
from datetime import datetime

from collector.notifications.message import Message

_LONGEST_REASON = 400


@dataclass(frozen=True, slots=True)
class Words:
    """One kind of fault.

    Attributes:
        subject: What happened, in a few words; ``{account}`` is the account's name.
        happened: The same as a sentence or two.
        advice: What to do.
        over: How it is said that it is over.
    """

    subject: str
    happened: str
    advice: str
    over: str


_KEY = "Nothing of this account is recorded until it is put right; what was recorded before stays as it is."
WORDS = {
    "key_rejected": Words(
        "key rejected: {account}",
        f"The provider rejects the key of account {{account}} (HTTP 401). {_KEY}",
        "Put a valid key where the settings say it is kept, then run: collector poll {account}",
        "the key of {account} is accepted again",
    ),
    "key_not_allowed": Words(
        "key not allowed: {account}",
        f"The provider knows the key of account {{account}} but does not allow this question (HTTP 403). {_KEY}",
        "Ask the provider what the key may do, or use another one, then run: collector poll {account}",
        "the key of {account} is accepted again",
    ),
    "not_stored": Words(
        "answers cannot be stored",
        "What the providers answer cannot be stored in the database.",
        "Look at the disk and at the database server: collector doctor says what is wrong.",
        "answers are stored again",
    ),
    "spooling": Words(
        "answers wait in the spool",
        "What the providers answer cannot be stored in the database; it is kept on this machine and stored later.",
        "Look at the disk and at the database server: collector doctor says what is wrong. Do not remove the spool.",
        "the spool is stored; nothing waits any more",
    ),
    "spool_full": Words(
        "the spool is full",
        "Answers can neither be stored in the database nor be kept on this machine: they are lost.",
        "Make room, and look at the database: collector doctor says what is wrong.",
        "there is room in the spool again",
    ),
    "lost_tail": Words(
        "the database lost facts",
        "The database does not have facts any more that this collector had seen stored. It may be an old copy, or a "
        "server that took over without the newest transactions.",
        "Find out which database this is before anything else is written; collector verify says what is missing.",
        "the database has all facts again",
    ),
    "refused": Words(
        "an answer is refused by the database",
        "The database refuses an answer for good although it takes others; it was set aside, and polling goes on.",
        "Run: collector doctor; it names the file. Report it with the log.",
        "no answer is set aside any more",
    ),
    "heads_unsaved": Words(
        "the state folder cannot be written",
        "The collector cannot note in its state folder what it last stored; polling goes on, but should the database "
        "lose its end, that might not be noticed.",
        "Make the state folder writable: its log names the file.",
        "the state folder is written again",
    ),
    "overloaded": Words(
        "polls fall out",
        "Accounts are not polled when they are due, because all workers of the collector are busy.",
        "Raise daemon.workers or poll_every.",
        "no poll falls out any more",
    ),
    "long_log": Words(
        "the write-ahead log grows",
        "The write-ahead log of the database is longer than 64 MiB, because a program that reads it does not end.",
        "End that reader: the collector's log says who holds the file open.",
        "the write-ahead log is short again",
    ),
    "logging_failed": Words(
        "the log cannot be written",
        "The collector cannot write its log; it goes on collecting.",
        "Look at where its output goes: a full disk, a pipe that nobody reads.",
        "the log is written again",
    ),
    "reports_stalled": Words(
        "scheduled reports do not get on",
        "A scheduled report has been at work for far longer than it should; polling goes on.",
        "Look at the log, and restart the collector.",
        "scheduled reports get on again",
    ),
    "ended": Words(
        "the collector ended",
        "The collector ended although nobody told it to. Nothing is recorded until it runs again.",
        "Look at the log and at: collector doctor",
        "the collector runs again",
    ),
}


def notice(message_id: str, kind: str, account: str, at: datetime, how: tuple[bool, str]) -> Message:
    """Return the message of a notice.

    Args:
        message_id: As a mail program knows it.
        kind: Of ``WORDS``.
        account: Whom it concerns; empty for all.
        at: When it happened.
        how: Whether it is over, and the reason in our own words, which may be empty.
    """
    over, reason = how
    words = WORDS[kind]
    host = socket.gethostname()
    subject = (words.over if over else words.subject).format(account=account)
    said = [f"{subject[:1].upper()}{subject[1:]}."] if over else [words.happened.format(account=account)]
    if reason:
        said.append(f"Found: {' '.join(reason.split())[:_LONGEST_REASON]}")
    if not over:
        said.append(f"What to do: {words.advice.format(account=account)}")
    said.append(f"This was noticed at {at:%Y-%m-%d %H:%M:%S}Z by the collector on {host}.")
    shown = "".join(f"<p>{html.escape(one)}</p>" for one in said)
    return Message(
        id=message_id,
        sent_at=at,
        subject=f"[usage collector] {subject}",
        text="\n\n".join(said) + "\n",
        html=f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(subject)}</title></head>'
        f"<body>{shown}</body></html>\n",
        brief="\n".join(said[:3]),
    )
