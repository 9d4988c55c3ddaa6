from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broadcast.broker.lab import LabBroker, running
from broadcast.clock import SystemClock


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[LabBroker]:
    async with running(tmp_path, SystemClock()) as lab:
        yield lab
