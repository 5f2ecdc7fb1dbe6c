"""Policies over verified claims. They compose; an empty one accepts nothing; danger is spelled `Unsafe…`.

`check` raises PolicyViolation, naming the value found and what would have been accepted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from confide.attestation.claims import Claims
from confide.core.errors import ConfigurationError, PolicyViolation

UP_TO_DATE: Final = "UpToDate"
KNOWN_STATUSES: Final = frozenset(
    {
        UP_TO_DATE,
        "SWHardeningNeeded",
        "ConfigurationNeeded",
        "ConfigurationAndSWHardeningNeeded",
        "OutOfDate",
        "OutOfDateConfigurationNeeded",
    }
)
"""What a policy may allow. "Revoked" is not among them: the verifier refuses it under every policy."""


class Policy(Protocol):
    """Anything that judges claims."""

    def check(self, claims: Claims) -> None:
        """Raises PolicyViolation."""
        ...


def _one_of(what: str, value: str, accepted: frozenset[str]) -> None:
    if value not in accepted:
        listed = ", ".join(sorted(accepted)) or "nothing"
        raise PolicyViolation(f"{what} is {value}; your policy accepts {listed}")


class Measurements:
    """MRENCLAVE or MRTD is one of these (hexadecimal, any case)."""

    def __init__(self, accepted: Iterable[str]) -> None:
        self._accepted = frozenset(value.lower() for value in accepted)

    def check(self, claims: Claims) -> None:
        _one_of("the measurement", claims.measurement, self._accepted)


class RuntimeMeasurements:
    """The given RTMRs (index → hexadecimal) have these values. MRTD alone covers the firmware only."""

    def __init__(self, expected: dict[int, str]) -> None:
        if not expected:
            raise ConfigurationError("no runtime measurement is named")
        self._expected = {index: value.lower() for index, value in expected.items()}

    def check(self, claims: Claims) -> None:
        for index, value in self._expected.items():
            if not 0 <= index < len(claims.runtime_measurements):
                raise PolicyViolation(f"the evidence has no RTMR{index}")
            _one_of(f"RTMR{index}", claims.runtime_measurements[index], frozenset({value}))


class Signers:
    """MRSIGNER is one of these. Weaker than a measurement: it accepts whatever the signer will ever sign."""

    def __init__(self, accepted: Iterable[str]) -> None:
        self._accepted = frozenset(value.lower() for value in accepted)

    def check(self, claims: Claims) -> None:
        _one_of("the enclave's signer", claims.signer, self._accepted)


@dataclass(frozen=True, slots=True)
class MeasuredInOne:
    """The measurement alone covers the software: true of SGX; a TDX machine's covers its firmware only."""

    def check(self, claims: Claims) -> None:
        if claims.runtime_measurements:
            raise PolicyViolation(
                "the software of a TDX machine is measured into its RTMRs: your policy must name them"
            )


@dataclass(frozen=True, slots=True)
class Product:
    """ISVPRODID equals `product_id`."""

    product_id: int

    def check(self, claims: Claims) -> None:
        if claims.product_id != self.product_id:
            raise PolicyViolation(f"the product id is {claims.product_id}, not {self.product_id}")


@dataclass(frozen=True, slots=True)
class MinimumSecurityVersion:
    """ISVSVN is at least `minimum`."""

    minimum: int

    def check(self, claims: Claims) -> None:
        if claims.security_version < self.minimum:
            raise PolicyViolation(f"the security version is {claims.security_version}, below {self.minimum}")


class TcbStatuses:
    """The platform's TCB status is one of these."""

    def __init__(self, accepted: Iterable[str] = (UP_TO_DATE,)) -> None:
        """Raises ConfigurationError for a status that does not exist or that nobody may allow."""
        self._accepted = frozenset(accepted)
        unknown = self._accepted - KNOWN_STATUSES
        if unknown:
            known = ", ".join(sorted(KNOWN_STATUSES))
            raise ConfigurationError(
                f"TCB status {', '.join(sorted(unknown))} can't be allowed; known: {known}"
            )

    def check(self, claims: Claims) -> None:
        advisories = ", ".join(claims.advisories)
        _one_of(f"the TCB status ({advisories or 'no advisories'})", claims.tcb_status, self._accepted)


class NotDebug:
    """The enclave can't be read with a debugger."""

    def check(self, claims: Claims) -> None:
        if claims.debug:
            raise PolicyViolation("the enclave runs in debug mode: its memory is open to the host")


@dataclass(frozen=True, slots=True)
class MinimumCollateralNumber:
    """tcbEvaluationDataNumber is at least `minimum`: refuses collateral of before a TCB recovery."""

    minimum: int

    def check(self, claims: Claims) -> None:
        if claims.collateral_number < self.minimum:
            raise PolicyViolation(
                f"the collateral's evaluation number is {claims.collateral_number}, below {self.minimum}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFlags:
    """Properties of the machine that must be allowed one by one. True on most multi-socket servers.

    A platform whose certificate does not state a flag (Processor CA) passes: it can't have it.
    """

    allow_dynamic_platform: bool = False
    allow_cached_keys: bool = False
    allow_smt: bool = False

    def check(self, claims: Claims) -> None:
        for what, stated, allowed in (
            (
                "a dynamic platform (packages can be added after registration)",
                claims.dynamic_platform,
                self.allow_dynamic_platform,
            ),
            (
                "a platform whose keys are cached at the vendor's registration service",
                claims.cached_keys,
                self.allow_cached_keys,
            ),
            ("a platform with simultaneous multithreading", claims.smt, self.allow_smt),
        ):
            if stated and not allowed:
                raise PolicyViolation(f"the evidence is of {what}; your policy does not allow it")


class AllOf:
    """Every part accepts. Without parts it accepts nothing."""

    def __init__(self, *parts: Policy) -> None:
        self._parts = parts

    def check(self, claims: Claims) -> None:
        if not self._parts:
            raise PolicyViolation("the policy is empty: an empty policy accepts nothing")
        for part in self._parts:
            part.check(claims)


class AnyOf:
    """At least one part accepts. Without parts it accepts nothing."""

    def __init__(self, *parts: Policy) -> None:
        self._parts = parts

    def check(self, claims: Claims) -> None:
        reasons: list[str] = []
        for part in self._parts:
            try:
                part.check(claims)
            except PolicyViolation as violation:
                reasons.append(violation.message)
            else:
                return
        raise PolicyViolation("; ".join(reasons) or "the policy is empty: an empty policy accepts nothing")


class UnsafeAnyMeasurement:
    """Accepts whatever software runs inside. Only for looking at a quote, never before sending data."""

    def check(self, claims: Claims) -> None:
        """Never raises."""


def standard(
    *,
    measurements: Iterable[str],
    tcb_statuses: Iterable[str] = (UP_TO_DATE,),
    allow_dynamic_platform: bool = False,
    allow_cached_keys: bool = False,
    allow_smt: bool = False,
) -> AllOf:
    """What a party asks before it sends data: known software, a platform in good order, no debugging.

    Without measurements it accepts nothing. Raises ConfigurationError for an unknown status.
    """
    return AllOf(
        Measurements(measurements),
        TcbStatuses(tcb_statuses),
        PlatformFlags(
            allow_dynamic_platform=allow_dynamic_platform,
            allow_cached_keys=allow_cached_keys,
            allow_smt=allow_smt,
        ),
        NotDebug(),
    )
