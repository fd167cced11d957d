"""Sends a message through apprise: Slack, Teams, ntfy, webhooks and a hundred more; and reads its mail addresses.

The only door to apprise. It follows no redirect, keeps nothing on disk, and what it logs is not passed on: its lines
show addresses with their keys. From them only numbers are taken. A chat obeys markup, so what stands in a message is
made inert for it. Each recipient of an address is sent to by himself, so that who has a message is not sent it again
because of another; one that apprise would drop is an error. Proxies of the environment are ignored: what is dialled is
the service, which the guard judges.
"""

from __future__ import annotations

import copy
import hashlib
import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from collector.domain.secret import Secret
from collector.errors import ConfigError, NotifyError, PermanentNotifyError
from collector.http.foreign import Answers, plain_requests
from collector.notifications.guard import ends_within
from collector.notifications.mail import Mailbox
from collector.notifications.message import Message, Outcome

if TYPE_CHECKING:
    from apprise import NotifyBase

_MAIL = ("mailto://", "mailtos://")
_LONGEST_BRIEF = 1800
_MOST_BYTES = 8 * 1024 * 1024  # what chat services take at the least
_ANSWERED = re.compile(r"\berror=([1-5][0-9]{2})\b")
# What was sent is wrong, and will be at every attempt; a refused key can be mended.
_FOR_GOOD = {400, 405, 406, 411, 413, 414, 415, 422}
_MARKUP = str.maketrans({"<": "(", ">": ")", "[": "(", "]": ")", "@": " at ", "`": "'", "*": None, "|": "/"})
_EVERYBODY = "everybody"
_LONGEST_SECONDS = 240.0
_NO_ADDRESS = "the address to send to is none that apprise knows, or it is not complete"
_DROPPED = re.compile(r"^(?:Dropp|Ignor)(?:ed|ing) (?:invalid|unsupported)|\b(?:target|recipient)\b.*\binvalid\b", re.I)
_QUOTED = re.compile(r'"[^"]*"')
_BETWEEN_RECIPIENTS = re.compile(r"[,;](?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")  # none that is quoted
_BETWEEN_TARGETS = re.compile(",")


def is_mail(address: Secret) -> bool:
    """Tell whether an address is one of a mail server."""
    return address.reveal().lower().startswith(_MAIL)


def mailbox_of(address: Secret) -> Mailbox:
    """Return the server and the recipients that a ``mailto://`` or ``mailtos://`` address names.

    Raises:
        ConfigError: It names none, a recipient in it is no mail address, or apprise is not installed.
    """
    with _silenced():
        found = _plugin(address.reveal())
        if found is None:
            raise ConfigError(_NO_ADDRESS)
        given = _facts(address)
        from apprise.plugins.email.base import NotifyEmail  # noqa: PLC0415 - as in _plugin

    if not isinstance(found, NotifyEmail):
        raise ConfigError("the address is none of a mail server")
    targets = [str(one) for _, one in found.targets]
    name, sender = found.from_addr
    _refuse_lost(given, [*targets, *map(str, found.cc), *map(str, found.bcc)])
    return Mailbox(
        host=found.smtp_host or found.host,
        port=int(found.port or 0),
        mode=str(found.secure_mode),
        sender=(str(name or ""), str(sender)),
        to=tuple(targets),
        cc=tuple(sorted(found.cc)),
        bcc=tuple(sorted(found.bcc)),
        reply_to=tuple(sorted(found.reply_to)),
        user=found.user,
        password=found.password,
    )


def _refuse_lost(given: Mapping[str, object], kept: Sequence[str]) -> None:
    """Make sure that apprise kept every recipient: it drops what it takes for none, and sends to the others.

    Raises:
        ConfigError: It did not; the message shows no address.
    """
    known = {one.casefold() for one in kept}
    named = []
    for piece in (piece for key in ("targets", "cc", "bcc") for piece in _listed(given.get(key), _BETWEEN_RECIPIENTS)):
        # Of "Ann Smith <ann@example.com>" the words with an @ are addresses.
        words = [word.strip("<>()[]'") for word in _QUOTED.sub("", piece).split() if "@" in word]
        named += words or [piece]
    _refuse(sum(one.casefold() not in known for one in named), len(named))


def _refuse(lost: int, given: int) -> None:
    if lost:
        raise ConfigError(f"{lost} of the {given} recipients in the address cannot be sent to; look for a misspelt one")


def send_to_service(
    address: Secret, message: Message, reached: frozenset[str], seconds: float = _LONGEST_SECONDS
) -> Outcome:
    """Send ``message`` to whoever of a chat, a push service or a webhook does not have it yet; return who has it now.

    Args:
        address: An address of apprise's grammar that is none of a mail server.
        message: What to send, with the attachments where they are taken.
        reached: Fingerprints of those who have it from earlier attempts.
        seconds: How long all of it may take; shorter than a delivery's lease.

    Raises:
        NotifyError: The service could not be reached or did not take it; nobody has it.
        PermanentNotifyError: It will never take this message.
        ConfigError: The address is none, names somebody who is none, or apprise is not installed.
    """
    taken = set(reached)
    later: list[str] = []
    never: list[str] = []
    with _silenced() as heard, plain_requests() as heard.accepted, ends_within(seconds):
        for mark, plugin in _ways(address, heard):
            if mark in taken:
                continue
            reason = _refusal(plugin, message, heard)
            if reason is None:
                taken.add(mark)
            else:
                (never if heard.answers and heard.answers[-1] in _FOR_GOOD else later).append(reason)
    if taken or not (later or never):
        return Outcome(frozenset(taken), tuple(later), tuple(never))
    kind = NotifyError if later else PermanentNotifyError
    raise kind("; ".join(dict.fromkeys(later + never)))


def _refusal(plugin: NotifyBase, message: Message, heard: _Heard) -> str | None:
    """Send to one recipient; return why he does not have it, or None.

    A service that took a part, or will never take the files, gets the words alone, at once: to try all again would
    bring the words again at every attempt.
    """
    before = heard.accepted.good
    files = _attachments(message) if plugin.attachment_support else None
    reason = _refused(plugin, message, heard, files)
    for_good = bool(heard.answers) and heard.answers[-1] in _FOR_GOOD
    if reason is None or not files or not (for_good or heard.accepted.good > before):
        return reason
    return _refused(plugin, message, heard, None)


def _refused(plugin: NotifyBase, message: Message, heard: _Heard, files: list[str] | None) -> str | None:
    heard.answers.clear()
    try:
        taken = plugin.notify(
            body=_inert(message.brief)[:_LONGEST_BRIEF],
            title=_inert(message.subject),
            body_format="text",
            attach=files,
        )
    except Exception as error:  # noqa: BLE001 - as in transport; and who has it already must not be forgotten
        return f"sending failed unexpectedly ({type(error).__name__})"
    if taken:
        return None
    return f"the service did not take the message{f' (HTTP {heard.answers[-1]})' if heard.answers else ''}"


def _ways(address: Secret, heard: _Heard) -> list[tuple[str, NotifyBase]]:
    """Return a plugin for each recipient with his fingerprint, as a plugin for all tells only whether all have it.

    Raises:
        ConfigError: The address is none, or apprise would drop a recipient.
    """
    whole = _plugin(address.reveal())
    if whole is None:
        raise ConfigError(_NO_ADDRESS)
    given = _facts(address)
    targets = list(dict.fromkeys(_listed(given.get("targets"), _BETWEEN_TARGETS)))
    if not targets:
        _refuse(heard.dropped, heard.dropped)
        return [(_EVERYBODY, whole)]
    ways, lost = [], 0
    for one in targets:
        heard.dropped = 0
        found = _plugin({**copy.deepcopy(given), "targets": [one]})
        if found is None or heard.dropped:
            lost += 1
        else:
            ways.append((hashlib.sha256(one.encode()).hexdigest()[:16], found))
    _refuse(lost, len(targets))
    return ways


def _listed(given: object, between: re.Pattern[str]) -> list[str]:
    texts = [given] if isinstance(given, str) else given if isinstance(given, list | tuple | set) else []
    return [piece.strip() for one in texts for piece in between.split(str(one)) if piece.strip()]


def _attachments(message: Message) -> list[str] | None:
    found, left = [], _MOST_BYTES
    for one in message.attachments:
        left -= one.path.stat().st_size
        if left >= 0:
            found.append(str(one.path))
    return found or None


def _plugin(address: str | dict[str, object]) -> NotifyBase | None:
    """Return what sends to an address, or to what was read from one; None if it is none.

    Raises:
        ConfigError: apprise is not installed.
    """
    try:
        import apprise  # noqa: PLC0415 - half a second that only a notification pays
    except ModuleNotFoundError:
        raise ConfigError(
            "sending reports needs apprise; install it with `pip install 'usage-collector[notify]'`"
        ) from None
    asset = apprise.AppriseAsset(
        app_id="Usage collector", app_desc="Usage collector", http_redirects=False, secure_logging=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it loads a hundred plugins, and they what Python is about to drop
        return apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)


def _facts(address: Secret) -> dict[str, object]:
    """Return what apprise reads from an address that it knows."""
    from apprise.plugins import url_to_dict  # noqa: PLC0415 - as in _plugin

    read: dict[str, object] | None = url_to_dict(address.reveal())  # type: ignore[no-untyped-call]  # apprise has none
    return read or {}


def _inert(text: str) -> str:
    """Return text that no chat takes for markup, a mention or a link."""
    shown = "".join(one if one.isprintable() or one == "\n" else " " for one in text)
    return shown.translate(_MARKUP).replace("://", ": //")


@dataclass(slots=True)
class _Heard:
    """What was heard: the numbers of HTTP answers and of dropped recipients in apprise's lines, and good answers."""

    answers: list[int] = field(default_factory=list)
    dropped: int = 0
    accepted: Answers = field(default_factory=Answers)


class _Listener(logging.Handler):
    """Takes numbers from apprise's lines, and nothing else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard = _Heard()

    def emit(self, record: logging.LogRecord) -> None:
        """Look for an answer's number, or a recipient that was dropped."""
        try:
            said = record.getMessage()
        except (TypeError, ValueError):
            return  # a badly formed line is no reason to fail
        self.heard.answers += [int(one) for one in _ANSWERED.findall(said)]
        self.heard.dropped += _DROPPED.search(said) is not None


@contextmanager
def _silenced() -> Iterator[_Heard]:
    logger, listener = logging.getLogger("apprise"), _Listener()
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    logger.handlers[:] = [listener]
    try:
        yield listener.heard
    finally:
        logger.handlers[:] = [logging.NullHandler()]
