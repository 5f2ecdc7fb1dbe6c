"""Audit logs as they lie at a party or host: whose they are, exports."""

import os
from pathlib import Path

from confide.app.files import read_bounded
from confide.app.identity import CA_FILE, CERTIFICATE_FILE, LoadedIdentity, read_public
from confide.app.party_config import DEFAULT_AUDIT, DEFAULT_IDENTITY, load_config
from confide.audit.chain import ExportHeader, read_chain
from confide.audit.entry import OWNER
from confide.audit.heads import HeadKeeper
from confide.audit.log import AuditLog
from confide.core import canonical, limits
from confide.core.digest import sha384_hex
from confide.core.errors import (
    AuditUnavailable,
    CertificateInvalid,
    ConfideError,
    ConfigurationError,
)
from confide.core.ports import Clock
from confide.crypto.certificates import verify_certificate
from confide.crypto.identity import Identity, identity_uri


def log_of(
    path: Path, identity: Identity, clock: Clock, *, full: type[ConfideError] = AuditUnavailable
) -> AuditLog:
    """The log of somebody whose identity is open."""
    return AuditLog(path, identity_uri(identity.name, identity.role), clock, actor=identity.name, full=full)


def keeper_of(log: AuditLog, identity: LoadedIdentity, clock: Clock) -> HeadKeeper:
    """Makes and checks heads under an identity."""
    return HeadKeeper(
        log=log,
        signer=identity.private_key,
        certificate_pem=identity.certificate_pem.decode("ascii"),
        ca_pem=identity.ca_pem,
        clock=clock,
    )


def log_beside(config: Path, clock: Clock) -> AuditLog:
    """The log that a confide.toml names, or would name by default where there is none yet.

    For work that needs no key: the identity is read, not opened, and there may be none.

    Raises ConfigurationError: the file is not valid.
    """
    base, audit, identity = config.resolve().parent, DEFAULT_AUDIT, DEFAULT_IDENTITY
    if config.exists():
        entry = load_config(config).config
        audit, identity = entry.audit, entry.identity
    found = identity_in(base / identity, clock.now())
    if found is None:
        return AuditLog(base / audit, "", clock, actor=OWNER)
    return log_of(base / audit, found, clock)


def identity_in(directory: Path, now: int) -> Identity | None:
    """Who an identity's directory says its owner is; None if there is no certificate that is valid now."""
    try:
        return verify_certificate(
            read_public(directory / CERTIFICATE_FILE), read_public(directory / CA_FILE), now
        )
    except (ConfigurationError, CertificateInvalid):
        return None


def export(log: Path, out: Path, certificate: bytes | None, now: int) -> ExportHeader:
    """Write `log`, unchanged, behind a header that says whose it is; a new file with mode 0600.

    Raises:
        AuditInvalid: its chain does not hold.
        ConfigurationError: it can't be read, or `out` exists or can't be written.
    """
    chain = read_chain(log)
    chain.require_whole()
    lines = read_bounded(log, limits.MAX_EXPORTED_BYTES, AuditUnavailable)
    whole = lines[: lines.rfind(b"\n") + 1]
    header = ExportHeader(
        log=chain.owner,
        certificate=certificate.decode("ascii") if certificate else None,
        exported_at=now,
        entries=len(chain.entries),
        sha384=sha384_hex(whole),
    )
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(canonical.encode(header) + b"\n" + whole)
    except OSError as cause:
        raise ConfigurationError(f"{out}: {cause.strerror}") from None
    return header
