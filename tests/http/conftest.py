"""Fixtures of the network suites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from typing import Any

import pytest

from tests.http.asker import Asker
from tests.http.certificates import Authority
from tests.http.fault_server import Sink

AskerFactory = Callable[..., Asker]


@pytest.fixture
def make_asker() -> Iterator[AskerFactory]:
    with ExitStack() as stack:

        def make(**settings: Any) -> Asker:
            asker = Asker(**settings)
            stack.enter_context(closing(asker.client))
            return asker

        yield make


@pytest.fixture
def asker(make_asker: AskerFactory) -> Asker:
    return make_asker(deadline=timedelta(seconds=3))  # what is answered at once is answered within that on any machine


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as server:
        yield server


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
