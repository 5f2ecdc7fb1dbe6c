import pytest

from confide.attestation.providers.choose import choose_quoter
from confide.attestation.providers.configfs_tsm import ConfigfsTsmQuoter
from confide.attestation.providers.gramine import GramineQuoter
from confide.attestation.providers.occlum import OcclumQuoter
from confide.attestation.providers.socket import SocketQuoter
from confide.core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("choice", "kind"),
    [
        ("gramine", GramineQuoter),
        ("occlum", OcclumQuoter),
        ("configfs-tsm", ConfigfsTsmQuoter),
        ("socket:/run/quote.sock", SocketQuoter),
    ],
)
def test_each(choice, kind):
    assert type(choose_quoter(choice)) is kind


@pytest.mark.parametrize(
    "choice", [None, "", "simulated", "gramine:", "Gramine", "socket", "socket:", ":", "occlum:x"]
)
def test_no_fallback(choice):
    with pytest.raises(ConfigurationError, match="CONFIDE_QUOTER"):
        choose_quoter(choice)
