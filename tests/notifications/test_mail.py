from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from collector.domain.secret import Secret
from collector.errors import ConfigError, NotifyError, PermanentNotifyError
from collector.notifications.mail import Mailbox, Patience, email_of, fingerprint, require_sendable, send_mail
from collector.notifications.message import Message
from collector.notifications.services import mailbox_of
from tests.http.certificates import Authority
from tests.notifications.sink import OK, Sink, free_port

ANN, BOB, CLEO = "ann@example.com", "bob@example.com", "cleo@example.com"
NOBODY: frozenset[str] = frozenset()
SOON = Patience(answer_seconds=0.3, total_seconds=1)


def mailbox(port: int, *to: str, **changes: object) -> Mailbox:
    plain = Mailbox("127.0.0.1", port, "insecure", ("Reports", "reports@example.com"), to or (ANN,))
    return replace(plain, **changes)  # type: ignore[arg-type]  # any field, by name


def test_message_arrives_with_words_picture_and_file(sink: Sink, message: Message) -> None:
    outcome = send_mail(mailbox(sink.port, ANN, BOB), message, NOBODY)
    letter = sink.accepted[0][1]
    html = letter.get_body(("html",))
    text = letter.get_body(("plain",))
    assert isinstance(html, EmailMessage)
    assert isinstance(text, EmailMessage)
    pictures = [part for part in letter.walk() if part.get_content_type() == "image/png"]
    assert sink.accepted[0][0] == (ANN, BOB)
    assert outcome.reached == {fingerprint(ANN), fingerprint(BOB)}
    assert (letter["Subject"], letter["Message-ID"]) == (message.subject, f"<{message.id}>")
    assert (text.get_content().strip(), html.get_content().strip()) == (message.text.strip(), message.html)
    assert [(one["Content-ID"], one.get_content_disposition()) for one in pictures] == [("<usage>", "inline")]
    assert [one.get_filename() for one in letter.iter_attachments()] == ["month-2026-10.html"]


def test_blind_copies_are_sent_and_not_named(sink: Sink, message: Message) -> None:
    send_mail(mailbox(sink.port, ANN, bcc=(BOB,), cc=(CLEO,)), message, NOBODY)
    recipients, letter = sink.accepted[0]
    assert set(recipients) == {ANN, BOB, CLEO}
    assert BOB not in letter.as_string()


def test_refused_recipient_does_not_keep_others_from_it(sink: Sink, message: Message) -> None:
    sink.on_recipient = lambda one: "550 no such user bob@example.com" if one == BOB else OK
    outcome = send_mail(mailbox(sink.port, ANN, BOB), message, NOBODY)
    assert sink.reached == [ANN]
    assert outcome.reached == {fingerprint(ANN)}
    assert (outcome.later, outcome.never) == ((), ("550 no such user …",))


def test_who_was_put_off_gets_it_at_the_next_attempt_and_nobody_else(sink: Sink, message: Message) -> None:
    sink.on_recipient = lambda one: "451 try later" if one == BOB else OK
    first = send_mail(mailbox(sink.port, ANN, BOB), message, NOBODY)
    sink.on_recipient = lambda _: OK
    second = send_mail(mailbox(sink.port, ANN, BOB), message, first.reached)
    assert first.later == ("451 try later",)
    assert sink.reached == [ANN, BOB]
    assert second.reached == {fingerprint(ANN), fingerprint(BOB)}
    assert len(set(sink.ids)) == 1


def test_nobody_is_asked_when_everybody_has_it(sink: Sink, message: Message) -> None:
    send_mail(mailbox(sink.port, ANN), message, frozenset({fingerprint(ANN)}))
    assert sink.sessions == 0


def test_every_recipient_refused_is_told_one_by_one(sink: Sink, message: Message) -> None:
    sink.on_recipient = lambda one: "550 no" if one == BOB else "450 later"
    outcome = send_mail(mailbox(sink.port, ANN, BOB), message, NOBODY)
    assert (outcome.reached, outcome.later, outcome.never) == (NOBODY, ("450 later",), ("550 no",))


def test_connection_lost_after_data_is_tried_again_under_the_same_id(sink: Sink, message: Message) -> None:
    sink.drops, sink.keeps_dropped = 1, True
    with pytest.raises(NotifyError, match="closed the connection"):
        send_mail(mailbox(sink.port, ANN), message, NOBODY)
    send_mail(mailbox(sink.port, ANN), message, NOBODY)
    assert sink.ids == [f"<{message.id}>"] * 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param("554 spam", PermanentNotifyError, id="for good"),
        pytest.param("451 busy", NotifyError, id="for now"),
        pytest.param("530 authentication required", NotifyError, id="until somebody configures a login"),
    ],
)
def test_refusal_of_the_message_is_told_apart_by_type(
    sink: Sink, message: Message, answer: str, kind: type[NotifyError]
) -> None:
    sink.on_data = lambda: answer
    with pytest.raises(NotifyError, match=answer) as caught:
        send_mail(mailbox(sink.port, ANN), message, NOBODY)
    assert type(caught.value) is kind


def test_server_that_is_down_is_no_refusal(message: Message) -> None:
    with pytest.raises(NotifyError, match="cannot be reached") as caught:
        send_mail(mailbox(free_port(), ANN), message, NOBODY)
    assert not isinstance(caught.value, PermanentNotifyError)


def test_failed_connection_leaves_no_timer_behind(message: Message) -> None:
    before = set(threading.enumerate())
    with pytest.raises(NotifyError):
        send_mail(mailbox(free_port(), ANN), message, NOBODY)
    left = [one for one in threading.enumerate() if one not in before]
    for one in left:
        one.join(5)  # one that is cancelled ends at once, one that is not after minutes
    assert not any(one.is_alive() for one in left)


@pytest.mark.parametrize(
    "recipients",
    [
        "to=ann@example.com,bob",
        "to=ann@example.com,b%C3%B6b@",
        "to=ann@example.com&cc=bob",
        "to=ann@example.com%20bob@x",
    ],
)
def test_recipient_who_would_be_dropped_is_an_error_that_shows_no_address(recipients: str) -> None:
    with pytest.raises(ConfigError, match="1 of the 2 recipients") as caught:
        mailbox_of(Secret(f"mailto://127.0.0.1:25/?from=r@example.com&{recipients}"))
    assert "bob" not in str(caught.value)


@pytest.mark.parametrize(
    ("recipients", "kept"),
    [
        pytest.param("to=Ann%20Smith%20%3Cann@example.com%3E,bob@example.com", (ANN, BOB), id="with a name"),
        pytest.param("to=%22Smith,%20Ann%22%20%3Cann@example.com%3E", (ANN,), id="with a comma in the name"),
        pytest.param("to=ann@example.com%20bob@example.com", (ANN, BOB), id="with a space between"),
        pytest.param("to=Ann@example.com", ("Ann@example.com",), id="with a capital"),
    ],
)
def test_recipients_are_understood(recipients: str, kept: tuple[str, ...]) -> None:
    assert mailbox_of(Secret(f"mailto://127.0.0.1:25/?from=r@example.com&{recipients}")).to == kept


@contextmanager
def server(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """Give the port of a server that treats its first guest as ``behave`` says."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            guest, _ = listening.accept()
            with guest:
                behave(guest)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            thread.join(5)


def silent(guest: socket.socket) -> None:
    guest.recv(1)


def dripping(guest: socket.socket) -> None:
    gone = threading.Event()
    try:
        while not gone.wait(0.05):
            guest.sendall(b"220-still thinking\r\n")
    except OSError:
        return


@pytest.mark.parametrize("behave", [silent, dripping])
def test_slow_server_is_left_after_a_while(behave: Callable[[socket.socket], None], message: Message) -> None:
    with server(behave) as port, pytest.raises(NotifyError):
        send_mail(mailbox(port, ANN), message, NOBODY, SOON)


def test_starttls_that_is_not_offered_sends_nothing(sink: Sink, message: Message) -> None:
    with pytest.raises(NotifyError, match="starttls"):
        send_mail(mailbox(sink.port, ANN, mode="starttls", user="u", password="hunter2"), message, NOBODY)
    assert sink.accepted == []


def test_password_is_never_sent_in_the_clear() -> None:
    open_ = mailbox(25, ANN, host="mail.example.com", user="u", password="hunter2")
    with pytest.raises(ConfigError, match="mailtos://"):
        require_sendable(open_)
    assert "hunter2" not in repr(open_)


@pytest.mark.parametrize("bad", ["", "ann", "ann@example.com\nBcc: eve@example.com", "änn@example.com", "a b@c.d"])
def test_address_that_could_be_a_header_is_refused(bad: str) -> None:
    with pytest.raises(ConfigError):
        require_sendable(mailbox(25, bad))


def test_subject_cannot_add_a_header(message: Message) -> None:
    with pytest.raises(ValueError, match=r"linefeed|newline"):
        email_of(mailbox(25, ANN), replace(message, subject="Usage\r\nBcc: eve@example.com"))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(
            "mailtos://me:pa%40ss@example.com?to=ann@example.com,bob@example.com&smtp=mail.example.com&from=r@example.com",
            ("mail.example.com", 587, "starttls", (ANN, BOB), "pa@ss"),
            id="with a password",
        ),
        pytest.param(
            "mailto://127.0.0.1:2525/?from=r@example.com&to=ann@example.com",
            ("127.0.0.1", 2525, "insecure", (ANN,), None),
            id="a relay",
        ),
    ],
)
def test_address_is_read_as_apprise_reads_it(url: str, expected: tuple[object, ...]) -> None:
    found = mailbox_of(Secret(url))
    assert (found.host, found.port, found.mode, found.to, found.password) == expected


def test_certificate_nobody_vouches_for_is_refused(tmp_path: Path, message: Message) -> None:
    context = Authority(tmp_path).self_signed()

    def serve(guest: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(guest, server_side=True) as safe:
            safe.sendall(b"220 hello\r\n")

    with server(serve) as port, pytest.raises(NotifyError, match=r"no safe connection.*CERTIFICATE_VERIFY_FAILED"):
        send_mail(mailbox(port, ANN, mode="ssl"), message, NOBODY)
