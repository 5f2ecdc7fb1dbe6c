"""The software's version, for people and for the handshake. pyproject.toml says the same."""

from typing import Final

VERSION: Final = "0.1.0"
