"""The DNS names and IP addresses that a certificate may carry."""

import ipaddress
import re
from collections.abc import Iterable, Sequence

from cryptography import x509

from confide.core import limits
from confide.core.errors import ConfigurationError

ENCLAVE_HOST = "confide-enclave"
"""The name in every enclave's certificate: what a party's TLS expects after it has pinned the certificate."""

_MAX_DNS_LENGTH = 253
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DNS = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)


def general_names(hosts: Sequence[str]) -> list[x509.GeneralName]:
    """Subject alternative names of `hosts`. Raises ConfigurationError for what is neither DNS nor IP."""
    if len(hosts) > limits.MAX_HOSTS:
        raise ConfigurationError(f"more than {limits.MAX_HOSTS} hosts")
    return [_general_name(host) for host in dict.fromkeys(hosts)]


def permitted(names: Iterable[x509.GeneralName]) -> list[x509.GeneralName]:
    """The same names, if a platform may have each. Raises ValueError (the caller's own error follows)."""
    listed = list(names)
    if len(listed) > limits.MAX_HOSTS:
        raise ValueError(f"more than {limits.MAX_HOSTS} hosts")
    for name in listed:
        if isinstance(name, x509.DNSName):
            if not is_dns_name(name.value) or name.value == ENCLAVE_HOST:
                raise ValueError(f"the DNS name {name.value!r} is not permitted")
        elif not isinstance(name, x509.IPAddress) or isinstance(
            name.value, ipaddress.IPv4Network | ipaddress.IPv6Network
        ):
            raise ValueError("a name is neither DNS nor an address")  # noqa: TRY004  one error for bad bytes
    return listed


def is_dns_name(text: str) -> bool:
    """Lower-case letter-digit-hyphen labels (RFC 1123, 2.1); no wildcard."""
    return len(text) <= _MAX_DNS_LENGTH and _DNS.fullmatch(text) is not None


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        if is_dns_name(host):
            return x509.DNSName(host)
    raise ConfigurationError(f"{host!r} is neither a lower-case DNS name nor an IP address")
