"""Databases for storage tests: real ones, brought up by the real migrations."""

from __future__ import annotations

import pytest

from storage import Database


@pytest.fixture
def database(on_both: Database) -> Database:
    return on_both
