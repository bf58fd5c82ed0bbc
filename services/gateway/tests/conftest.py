"""The stage for tests with real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.gateway.tests.stage import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A hub that runs; broker and gateway are started by the test."""
    site = Site(tmp_path)
    site.release.start_hub()
    yield site
    site.close()
