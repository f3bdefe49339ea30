"""What tests of several rooms share."""

from __future__ import annotations

import pytest

from nlp import Ear


@pytest.fixture(scope="session")
def one_ear(tmp_path_factory: pytest.TempPathFactory) -> Ear:
    """Loading takes a moment, hearing changes nothing: one for all."""
    return Ear(tmp_path_factory.mktemp("ear"))
