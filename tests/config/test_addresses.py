from pathlib import Path

import pytest

from collector.config.addresses import (
    absolute_database_url,
    checked_base_url,
    checked_database_url,
    checked_proxy,
    holds_password,
    is_loopback,
)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://api.nected.ai", "https://api.nected.ai"),
        ("https://api.nected.ai/", "https://api.nected.ai"),
        ("HTTPS://API.Nected.AI:8443/Dev/", "https://api.nected.ai:8443/Dev"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://localhost:8080/nellie", "http://localhost:8080/nellie"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://usage_proxy:8443", "https://usage_proxy:8443"),
    ],
    ids=str,
)
def test_provider_address_is_accepted_and_made_uniform(text: str, url: str) -> None:
    assert checked_base_url(text) == url


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://api.nected.ai", "unencrypted to api.nected.ai"),
        ("http://localhost.evil.example", "unencrypted"),
        ("http://127.1", "unencrypted"),
        ("http://2130706433", "unencrypted"),
        ("http://0.0.0.0:80", "unencrypted"),
        ("http://169.254.169.254", "unencrypted"),
        ("http://[::ffff:7f00:1%25eth0]", "host"),
        ("ftp://api.nected.ai", "https://"),
        ("api.nected.ai", "https://"),
        ("//api.nected.ai", "https://"),
        ("https://", "host"),
        ("https:///v1", "host"),
        ("https://api.nected.ai:0", "port"),
        ("https://api.nected.ai:99999", "port"),
        ("https://api.nected.ai:x", "port"),
        ("https://[::1", "host and port"),
        ("https://[v1.fe:x]", "host"),
        ("https://a..b", "host"),
        ("https://-a.example", "host"),
        (f"https://{'a.' * 140}example", "host"),
        ("https://user@api.nected.ai", "user"),
        ("https://user:pass@api.nected.ai", "user"),
        ("http://127.0.0.1@evil.example", "user"),
        ("https://api.nected.ai/?key=1", "query"),
        ("https://api.nected.ai/?", "query"),
        ("https://api.nected.ai/#top", "fragment"),
        ("https://api.nected.ai\\@evil.example", "ASCII"),
        ("https://api.nected.ai/ v1", "ASCII"),
        ("https://api.nected.ai\n", "ASCII"),
        ("https://api.nécted.ai", "ASCII"),
        ("https://api.%6eected.ai", "host"),
        ("", "ASCII"),
    ],
    ids=repr,
)
def test_unsafe_provider_address_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        checked_base_url(text)


@pytest.mark.parametrize("text", ["http://proxy.example:3128", "http://user:pass@proxy.example/"], ids=str)
def test_proxy_may_carry_a_password(text: str) -> None:
    assert checked_proxy(text) == text


@pytest.mark.parametrize(
    "text",
    ["proxy.example:3128", "socks5://proxy", "https://proxy.example", "http://proxy/path", "http://p?q"],
    ids=str,
)
def test_what_is_no_proxy_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must "):
        checked_proxy(text)


@pytest.mark.parametrize(
    "text",
    [
        "sqlite:///usage.db",
        "sqlite:////var/usage.db",
        "sqlite://",
        "sqlite+pysqlite:///x",
        "postgresql://u@h/d",
        "postgresql+psycopg://h/d",
    ],
    ids=str,
)
def test_both_engines_are_accepted(text: str) -> None:
    assert checked_database_url(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "usage.db",
        "sqlite:usage.db",
        "sqlite://usage.db",
        "mysql://u:hunter2@h/d",
        "postgres://u:hunter2@h/d",
        "postgresql://",
    ],
    ids=str,
)
def test_other_databases_are_refused_without_showing_the_address(text: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///FILE") as caught:
        checked_database_url(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("sqlite:///usage.db", "sqlite:////srv/collector/usage.db"),
        ("sqlite:///data/usage.db?timeout=5", "sqlite:////srv/collector/data/usage.db?timeout=5"),
        ("sqlite+pysqlite:///usage.db", "sqlite+pysqlite:////srv/collector/usage.db"),
        ("sqlite:////var/usage.db", "sqlite:////var/usage.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("sqlite:///file:usage.db?uri=true", "sqlite:///file:usage.db?uri=true"),
        ("sqlite://", "sqlite://"),
        ("postgresql://u@h/usage", "postgresql://u@h/usage"),
    ],
    ids=str,
)
def test_relative_file_belongs_to_the_folder(url: str, absolute: str) -> None:
    assert absolute_database_url(url, Path("/srv/collector")) == absolute


@pytest.mark.parametrize(
    ("url", "holds"),
    [
        ("postgresql://user:hunter2@host/db", True),
        ("postgresql://user:hun/ter2@host/db", True),
        ("postgresql://:hunter2@host/db", True),
        ("postgresql://host/db?password=hunter2", True),
        ("postgresql://host/db?a=b&sslpassword=hunter2", True),
        ("http://user:hunter2@proxy:3128", True),
        ("postgresql://user@host:5432/db", False),
        ("postgresql://user:@host/db", False),
        ("postgresql://host:5432/db", False),
        ("postgresql://host/db?password=", False),
        ("sqlite:///a:b@c.db", False),
    ],
    ids=str,
)
def test_password_is_noticed(url: str, holds: bool) -> None:
    assert holds_password(url) is holds


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://127.0.0.1:1", True),
        ("http://localhost", True),
        ("http://[::1]", True),
        ("https://api.nected.ai", False),
        ("https://10.0.0.1", False),
    ],
    ids=str,
)
def test_this_machine_is_told_from_others(url: str, near: bool) -> None:
    assert is_loopback(url) is near
