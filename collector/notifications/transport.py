"""Sends one message to one address, whatever it is: mail by SMTP, everything else by apprise."""

from __future__ import annotations

from collector.domain.secret import Secret
from collector.errors import CollectorError, NotifyError
from collector.notifications.guard import only_public
from collector.notifications.mail import send_mail
from collector.notifications.message import Message, Outcome
from collector.notifications.services import is_mail, mailbox_of, send_to_service


def send(address: Secret, message: Message, reached: frozenset[str], *, allow_private: bool) -> Outcome:
    """Send ``message`` and return who has it now.

    Args:
        address: An address of apprise's grammar.
        message: What to send.
        reached: Fingerprints of those who have it from earlier attempts.
        allow_private: Whether this machine and private networks may be reached.

    Raises:
        NotifyError: It could not be sent now.
        PermanentNotifyError: It never can.
        ConfigError: The address is none, or not public.
    """
    try:
        with only_public(allow_private=allow_private):
            if is_mail(address):
                return send_mail(mailbox_of(address), message, reached)
            return send_to_service(address, message, reached)
    except CollectorError:
        raise
    except Exception as error:  # noqa: BLE001 - a hundred plugins: what any of them raises must not show its address
        raise NotifyError(f"sending failed unexpectedly ({type(error).__name__})") from None
