"""Which quoter an enclave uses. Named by its launcher; there is no search and no fallback.

Choosing wrongly gives no evidence at all, never false evidence: the choice need not be trusted.
"""

from pathlib import Path
from typing import Final

from confide.attestation.providers.configfs_tsm import ConfigfsTsmQuoter
from confide.attestation.providers.gramine import GramineQuoter
from confide.attestation.providers.occlum import OcclumQuoter
from confide.attestation.providers.socket import SocketQuoter
from confide.core.errors import ConfigurationError
from confide.core.ports import Quoter

VARIABLE: Final = "CONFIDE_QUOTER"
"""The environment variable that a launcher sets."""


def choose_quoter(choice: str | None) -> Quoter:
    """From "gramine", "occlum", "configfs-tsm" or "socket:PATH". Raises ConfigurationError for others."""
    match (choice or "").partition(":"):
        case ("gramine", "", ""):
            return GramineQuoter()
        case ("occlum", "", ""):
            return OcclumQuoter()
        case ("configfs-tsm", "", ""):
            return ConfigfsTsmQuoter()
        case ("socket", ":", path) if path:
            return SocketQuoter(Path(path))
    raise ConfigurationError(
        f"{VARIABLE} is {choice!r}; it must be gramine, occlum, configfs-tsm or socket:PATH"
    )
