import pytest
from fakes.authority import Authority


@pytest.fixture(scope="session")
def foreign_authority():
    return Authority("another-ca")
