"""The stage for tests with real processes."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from services.gateway.tests.stage import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A hub that runs; broker and gateway are started by the test."""
    with closing(Site(tmp_path)) as site:
        site.release.start_hub()
        yield site
