"""Fetch a quote's collateral from a PCCS (a cache of the vendor's Provisioning Certification Service).

Nothing fetched is trusted: the verifier checks every piece up to the trust root.
"""

import asyncio

import dcap_qvl

from confide.attestation import collateral as collateral_format
from confide.attestation import quote as quote_format
from confide.core import limits
from confide.core.errors import EvidenceUnavailable, InvalidEvidence


def fetch_collateral(url: str, quote: bytes, *, timeout: float = limits.PCCS_SECONDS) -> bytes:
    """Collateral JSON for `quote`, from the PCCS at `url` (scheme, host, port). Blocks up to `timeout` s.

    Quotes must carry their certificate chain (certification type 5), as our verifier asks. Honours the usual
    proxy variables. Not to be called from a running event loop.

    Raises:
        InvalidEvidence: `quote` is not in canonical form, or what came is no collateral.
        EvidenceUnavailable: the PCCS can't be reached, or knows no collateral for that platform.
    """
    quote_format.parse(quote)
    try:
        fetched = asyncio.run(asyncio.wait_for(_fetch(url, quote), timeout))
    except TimeoutError:
        raise EvidenceUnavailable(f"the PCCS at {url} did not answer in {timeout:g} seconds") from None
    except (ValueError, OSError) as cause:
        sentence = " ".join(str(cause).split())
        raise EvidenceUnavailable(f"no collateral from the PCCS at {url}: {sentence}") from None
    try:
        return collateral_format.parse(fetched.to_json().encode()).encode()
    except ValueError as cause:
        raise InvalidEvidence(f"the PCCS at {url} sent no collateral: {cause}") from None


async def _fetch(url: str, quote: bytes) -> dcap_qvl.QuoteCollateralV3:
    return await dcap_qvl.get_collateral(url, quote)
