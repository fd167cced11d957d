"""Sends a message through apprise: Slack, Teams, ntfy, webhooks and a hundred more; and reads its mail addresses.

The only door to apprise. It follows no redirect, keeps nothing on disk, and what it logs is not passed on: its lines
show addresses with their keys. From them only the number of an HTTP answer is taken. A chat obeys markup, so what
stands in a message is made inert for it.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from collector.domain.secret import Secret
from collector.errors import ConfigError, NotifyError, PermanentNotifyError
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


def is_mail(address: Secret) -> bool:
    """Tell whether an address is one of a mail server."""
    return address.reveal().lower().startswith(_MAIL)


def mailbox_of(address: Secret) -> Mailbox:
    """Return the server and the recipients that a ``mailto://`` or ``mailtos://`` address names.

    Raises:
        ConfigError: It names none, or apprise is not installed.
    """
    with _silenced():
        found = _plugin(address)
        from apprise.plugins.email.base import NotifyEmail  # noqa: PLC0415 - as in _plugin

    if not isinstance(found, NotifyEmail):
        raise ConfigError("the address is none of a mail server")
    targets = [str(one) for _, one in found.targets]
    name, sender = found.from_addr
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


def send_to_service(address: Secret, message: Message, reached: frozenset[str]) -> Outcome:
    """Send ``message`` to a chat, a push service or a webhook, with the attachments where they are taken.

    Raises:
        NotifyError: The service could not be reached or did not take it.
        PermanentNotifyError: It will never take this message.
        ConfigError: The address is none, or apprise is not installed.
    """
    if reached:
        return Outcome(reached)
    with _silenced() as heard:
        plugin = _plugin(address)
        taken = plugin.notify(
            body=_inert(message.brief)[:_LONGEST_BRIEF],
            title=_inert(message.subject),
            body_format="text",
            attach=_attachments(message) if plugin.attachment_support else None,
        )
    if taken:
        return Outcome(frozenset({_EVERYBODY}))
    said = f" (HTTP {heard[-1]})" if heard else ""
    kind = PermanentNotifyError if heard and heard[-1] in _FOR_GOOD else NotifyError
    raise kind(f"the service did not take the message{said}")


def _attachments(message: Message) -> list[str] | None:
    found, left = [], _MOST_BYTES
    for one in message.attachments:
        left -= one.path.stat().st_size
        if left >= 0:
            found.append(str(one.path))
    return found or None


def _plugin(address: Secret) -> NotifyBase:
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
        found = apprise.Apprise.instantiate(address.reveal(), asset=asset, suppress_exceptions=True)
    if found is None:
        raise ConfigError("the address to send to is none that apprise knows, or it is not complete")
    return found


def _inert(text: str) -> str:
    """Return text that no chat takes for markup, a mention or a link."""
    shown = "".join(one if one.isprintable() or one == "\n" else " " for one in text)
    return shown.translate(_MARKUP).replace("://", ": //")


class _Listener(logging.Handler):
    """Takes the numbers of HTTP answers from apprise's lines, and nothing else."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[int] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Look for an answer's number."""
        try:
            self.heard += [int(one) for one in _ANSWERED.findall(record.getMessage())]
        except (TypeError, ValueError):
            return  # a badly formed line is no reason to fail


@contextmanager
def _silenced() -> Iterator[list[int]]:
    logger, listener = logging.getLogger("apprise"), _Listener()
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    logger.handlers[:] = [listener]
    try:
        yield listener.heard
    finally:
        logger.handlers[:] = [logging.NullHandler()]
