"""Sends a message by e-mail: an address of apprise's grammar, but our own SMTP.

apprise writes a new Message-ID for every attempt, forgets at a restart who has a message already, and says only whether
all went well; a mailbox would get a report twice, or a refused one for ever. So apprise reads the ``mailto://`` address
(servers of well-known providers included), and ``smtplib`` sends: one id, one transaction for all who lack it, and for
each the server's own word.

    RCPT TO 250 · DATA 250   reached          RCPT TO 4xx   later          RCPT TO 5xx   never
    530, 534, 535, 538       later, at whatever step: the login is wrong, which can be mended
    anything else, also a connection lost after DATA: nobody is taken for reached, all are tried again under the same id

A password never leaves unencrypted, STARTTLS that is refused is a failure, and certificates are always checked.
"""

from __future__ import annotations

import hashlib
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from collector.errors import ConfigError, NotifyError, PermanentNotifyError
from collector.notifications.message import Message, Outcome

_LONGEST_REPLY = 160
_SERVICE_GONE = 421
# RFC 4954, section 6: the server wants a login, another or a safer one; somebody can mend this, and then wants the
# report.
_LOGIN_WANTED = {530, 534, 535, 538}
_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\]+", re.ASCII)
_SSL, _STARTTLS = "ssl", "starttls"
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_POLICY = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A server and who gets a message through it.

    Attributes:
        mode: ``ssl``, ``starttls`` or ``insecure``.
        sender: Display name and address.
        to: Named in the message, as ``cc``; those of ``bcc`` are not.
    """

    host: str
    port: int
    mode: str
    sender: tuple[str, str]
    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    reply_to: tuple[str, ...] = ()
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody who gets it, each once."""
        return tuple(dict.fromkeys((*self.to, *self.cc, *self.bcc)))


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may take.

    Attributes:
        answer_seconds: For one answer.
        total_seconds: For everything; shorter than a delivery's lease.
    """

    answer_seconds: float = 30.0
    total_seconds: float = 240.0


_USUAL = Patience()


def fingerprint(recipient: str) -> str:
    """Return what tells recipients apart without naming them."""
    return hashlib.sha256(recipient.lower().encode()).hexdigest()[:16]


def require_sendable(mailbox: Mailbox) -> None:
    """Make sure that a message can be addressed and no password travels unencrypted.

    Raises:
        ConfigError: Neither is so; the message shows no address.
    """
    every = (mailbox.sender[1], *mailbox.recipients, *mailbox.reply_to)
    if not mailbox.recipients or any(not (one.isascii() and _ADDRESS.fullmatch(one)) for one in every):
        raise ConfigError("a mail address to send from or to is missing or not plain ASCII, such as ann@example.com")
    if mailbox.password and mailbox.mode not in {_SSL, _STARTTLS} and mailbox.host not in _LOOPBACK:
        raise ConfigError("the mail password would travel unencrypted; write mailtos:// instead of mailto://")


def send_mail(mailbox: Mailbox, message: Message, reached: frozenset[str], patience: Patience = _USUAL) -> Outcome:
    """Send ``message`` to whoever does not have it yet, and return who has it now.

    Raises:
        NotifyError: The server could not be reached or did not take it; nobody new has it for certain.
        PermanentNotifyError: The server refused the sender or the message for good.
        ConfigError: The message cannot be addressed.
    """
    require_sendable(mailbox)
    missing = [one for one in mailbox.recipients if fingerprint(one) not in reached]
    if not missing:
        return Outcome(reached)
    letter = email_of(mailbox, message)
    with _explained(mailbox), _connected(mailbox, patience) as server:
        refused = _handed_over(server, mailbox, letter, missing)
    later = [_reply(code, text) for code, text in refused.values() if not _for_good(code)]
    never = [_reply(code, text) for code, text in refused.values() if _for_good(code)]
    taken = {fingerprint(one) for one in missing if one not in refused}
    return Outcome(reached | taken, tuple(later), tuple(never))


def email_of(mailbox: Mailbox, message: Message) -> EmailMessage:
    """Return the message as mail: text and HTML with its pictures, then the attachments."""
    letter = EmailMessage(_POLICY)
    name, address = mailbox.sender
    letter["From"] = Address(display_name=name, addr_spec=address)
    letter["To"] = ", ".join(mailbox.to)
    if mailbox.cc:
        letter["Cc"] = ", ".join(mailbox.cc)
    if mailbox.reply_to:
        letter["Reply-To"] = ", ".join(mailbox.reply_to)
    letter["Subject"] = message.subject
    letter["Date"] = format_datetime(message.sent_at)
    letter["Message-ID"] = f"<{message.id}>"
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: out-of-office replies stay away
    letter.set_content(message.text)
    letter.add_alternative(message.html, subtype="html")
    shown = letter.get_body(("html",))
    for picture in message.pictures:
        assert isinstance(shown, EmailMessage)  # noqa: S101 - the part that was added a line above
        shown.add_related(
            picture.content, "image", "png", cid=f"<{picture.name}>", filename=f"{picture.name}.png",
            disposition="inline",
        )  # fmt: skip
    for one in message.attachments:
        kind, _, subtype = one.media.partition(";")[0].partition("/")
        letter.add_attachment(one.path.read_bytes(), maintype=kind, subtype=subtype, filename=one.path.name)
    return letter


def _limit(server: smtplib.SMTP, patience: Patience) -> threading.Timer:
    """Cut a session off after a while, also under whoever is reading from it."""

    def cut() -> None:
        with suppress(OSError):
            if server.sock is not None:
                server.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(patience.total_seconds, cut)
    timer.daemon = True
    timer.start()
    return timer


@contextmanager
def _cancelled_on_error(limit: threading.Timer) -> Iterator[None]:
    try:
        yield
    except BaseException:
        limit.cancel()
        raise


class _Plain(smtplib.SMTP):
    """A session that is limited from its very first byte on, which its constructor reads."""

    def __init__(self, mailbox: Mailbox, domain: str, patience: Patience) -> None:
        self.limit = _limit(self, patience)
        with _cancelled_on_error(self.limit):
            super().__init__(mailbox.host, mailbox.port, domain, timeout=patience.answer_seconds)


class _Encrypted(smtplib.SMTP_SSL):
    """The same, encrypted from its first byte on; without a context of ours no certificate would be checked."""

    def __init__(self, mailbox: Mailbox, domain: str, patience: Patience) -> None:
        self.limit, context = _limit(self, patience), ssl.create_default_context()
        with _cancelled_on_error(self.limit):
            super().__init__(mailbox.host, mailbox.port, domain, timeout=patience.answer_seconds, context=context)


@contextmanager
def _connected(mailbox: Mailbox, patience: Patience) -> Iterator[smtplib.SMTP]:
    """Open a session that ends after some minutes, however slowly the server drips."""
    kind = _Encrypted if mailbox.mode == _SSL else _Plain
    server = kind(mailbox, mailbox.sender[1].rpartition("@")[2], patience)
    try:
        if mailbox.mode == _STARTTLS:
            server.starttls(context=ssl.create_default_context())
        if mailbox.user and mailbox.password:
            server.login(mailbox.user, mailbox.password)
        yield server
        with suppress(OSError, smtplib.SMTPException):
            server.quit()  # it has taken the message: how it says goodbye changes nothing
    finally:
        server.limit.cancel()
        server.close()


def _handed_over(
    server: smtplib.SMTP, mailbox: Mailbox, letter: EmailMessage, recipients: list[str]
) -> Mapping[str, tuple[int, bytes]]:
    """Return the refused recipients with the server's reply; all of them where it took none."""
    try:
        return server.send_message(letter, mailbox.sender[1], recipients)
    except smtplib.SMTPRecipientsRefused as refusal:
        answered: dict[str, tuple[int, bytes]] = refusal.recipients
        gone = [code for code, _ in answered.values() if code == _SERVICE_GONE]
        if gone or len(answered) < len(recipients):
            raise NotifyError("the mail server ended the session while it was told the recipients") from None
        return answered


@contextmanager
def _explained(mailbox: Mailbox) -> Iterator[None]:
    try:
        yield
    except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
        kind = PermanentNotifyError if _for_good(error.smtp_code) else NotifyError
        raise kind(f"the mail server refused the message: {_reply(error.smtp_code, error.smtp_error)}") from None
    except smtplib.SMTPAuthenticationError as error:
        # Somebody can mend this, and then wants the report.
        raise NotifyError(f"the mail server refused user and password (reply {error.smtp_code})") from None
    except smtplib.SMTPServerDisconnected:
        raise NotifyError("the mail server closed the connection before it took the message") from None
    except smtplib.SMTPResponseException as error:
        raise NotifyError(f"the mail server answered {_reply(error.smtp_code, error.smtp_error)}") from None
    except smtplib.SMTPException as error:
        raise NotifyError(f"the mail server cannot do what is needed ({mailbox.mode}): {_plain(str(error))}") from None
    except ssl.SSLError as error:
        raise NotifyError(f"no safe connection to the mail server: {_plain(error.reason or str(error))}") from None
    except OSError as error:
        raise NotifyError(f"the mail server cannot be reached: {_plain(error.strerror or str(error))}") from None


def _for_good(code: int) -> bool:
    return code >= 500 and code not in _LOGIN_WANTED


def _reply(code: int, text: bytes | str) -> str:
    return f"{code} {_plain(text.decode('utf-8', 'replace') if isinstance(text, bytes) else text)}".strip()


def _plain(text: str) -> str:
    """Return a server's words on one line, cut, without the addresses in them."""
    shown = "".join(one if one.isprintable() else " " for one in text[: 4 * _LONGEST_REPLY])
    return _ADDRESS.sub("…", " ".join(shown.split()))[:_LONGEST_REPLY]
