"""A real Chromium. Without one these tests are skipped, and say so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bot.office import Made, close_office, make_office
from tests.bot.serving import Served, served


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        pytest.skip("NO BROWSER TESTS: playwright is not installed")
    path = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Error:
            pytest.skip("NO BROWSER TESTS: no Chromium here (set CHROMIUM=/path/to/it)")
        yield browser
        browser.close()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    made = make_office(tmp_path)
    yield made
    close_office(made)


@pytest.fixture
def server(made: Made) -> Iterator[Served]:
    with served(made) as running:
        yield running
