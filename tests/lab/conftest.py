"""What the tests in this folder share: a lab that is removed after each test."""

from collections.abc import Iterator

import pytest

from tests.lab.netns import Lab, missing


@pytest.fixture
def lab() -> Iterator[Lab]:
    if reason := missing():
        pytest.skip(reason)
    with Lab() as lab:
        yield lab
