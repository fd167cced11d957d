from __future__ import annotations

import socket

import pytest

from collector.domain.secret import Secret
from collector.errors import ConfigError
from collector.notifications.guard import is_public, only_public
from collector.notifications.message import Message
from collector.notifications.transport import send
from tests.notifications.sink import Sink

NOBODY: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
        "::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::",
        "64:ff9b::a00:1", "64:ff9b:1::a00:1", "::127.0.0.1", "::ffff:0:127.0.0.1", "fec0::1", "ff02::1", "2001:db8::1",
        "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0.0.0.1", "255.255.255.255",
        "localhost", "",
    ],
)  # fmt: skip
def test_address_is_private(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808"])
def test_address_is_public(address: str) -> None:
    assert is_public(address)


def test_name_that_leads_to_a_private_address_is_refused_where_it_is_dialled(sink: Sink, message: Message) -> None:
    address = Secret(sink.url("ann@example.com").replace("127.0.0.1", "localhost", 1) + "&smtp=localhost")
    with pytest.raises(ConfigError, match="allow_private"):
        send(address, message, NOBODY, allow_private=False)
    assert sink.sessions == 0


def test_allowed_private_address_is_reached(sink: Sink, message: Message) -> None:
    send(Secret(sink.url("ann@example.com")), message, NOBODY, allow_private=True)
    assert sink.reached == ["ann@example.com"]


def test_only_the_sending_is_bound_not_what_comes_after(sink: Sink) -> None:
    with pytest.raises(ConfigError), only_public(allow_private=False):
        socket.create_connection(("127.0.0.1", sink.port))
    socket.create_connection(("127.0.0.1", sink.port)).close()


def test_local_sockets_are_refused() -> None:
    with (
        socket.socket(socket.AF_UNIX) as local,
        pytest.raises(ConfigError, match="local socket"),
        only_public(allow_private=False),
    ):
        local.connect("/nowhere")
