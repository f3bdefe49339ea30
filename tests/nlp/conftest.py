"""One ear for all tests of this room; loading it is the dear part."""

from pathlib import Path

import pytest

from nlp import Ear


@pytest.fixture(scope="session")
def ear(tmp_path_factory: pytest.TempPathFactory) -> Ear:
    cache: Path = tmp_path_factory.mktemp("ear")
    return Ear(cache)
