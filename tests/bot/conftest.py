"""What several web tests stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.bot.office import Made, close_office, make_office


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    """An office on a database of its own, with a small stub in the handlers' place."""
    made = make_office(tmp_path)
    made.office.hub.start()
    yield made
    close_office(made)
