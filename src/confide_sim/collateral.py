"""Collateral of the SIMULATED machine: TCB info v3, QE identity v2, CRLs (Intel PCS API, version 4)."""

import datetime as dt
import json
from typing import Any, Final

from confide.attestation.collateral import Collateral
from confide_sim import keys
from confide_sim.certificates import Tree, pem
from confide_sim.hardware import (
    CPU_SVN,
    FMSPC,
    PCE_ID,
    PCE_SVN,
    QE_PRODUCT_ID,
    QE_SECURITY_VERSION,
    QE_SIGNER,
)

UP_TO_DATE: Final = "UpToDate"
ADVISORY: Final = "SIMULATED-SA-00001"


def make_collateral(tree: Tree, *, now: int, lifetime: int, tcb_status: str, number: int) -> Collateral:
    """Signed collateral, valid from `now` for `lifetime` seconds, that gives the machine `tcb_status`."""
    tcb_info = _compact(
        {
            "id": "SGX",
            "version": 3,
            **_window(now, lifetime),
            "fmspc": FMSPC.hex().upper(),
            "pceId": PCE_ID.hex().upper(),
            "tcbType": 0,
            "tcbEvaluationDataNumber": number,
            "tcbLevels": _levels(now, tcb_status),
        }
    )
    qe_identity = _compact(
        {"id": "QE", "version": 2, **_window(now, lifetime), "tcbEvaluationDataNumber": number, **_qe(now)}
    )
    signer, issuer_chain = tree.key("TCB Signing"), pem(tree.tcb_signer(), tree.root())
    return Collateral(
        pck_crl_issuer_chain=pem(tree.pck_ca(), tree.root()),
        root_ca_crl=_revocations(tree, "Root CA", now, lifetime, number),
        pck_crl=_revocations(tree, "PCK Platform CA", now, lifetime, number),
        tcb_info_issuer_chain=issuer_chain,
        tcb_info=tcb_info,
        tcb_info_signature=keys.sign_raw(signer, tcb_info.encode()).hex(),
        qe_identity_issuer_chain=issuer_chain,
        qe_identity=qe_identity,
        qe_identity_signature=keys.sign_raw(signer, qe_identity.encode()).hex(),
    )


def _revocations(tree: Tree, issuer: str, now: int, lifetime: int, number: int) -> str:
    return tree.revocations(issuer, now=now, lifetime=lifetime, number=number).hex()


def _levels(now: int, status: str) -> list[dict[str, Any]]:
    """The machine's own level with its status; where that is not the best, a newer level above it."""
    own: dict[str, Any] = {"tcb": _svns(CPU_SVN, PCE_SVN), "tcbDate": _date(now), "tcbStatus": status}
    if status == UP_TO_DATE:
        return [own]
    newer = _svns(bytes(svn + 1 if svn else 0 for svn in CPU_SVN), PCE_SVN + 1)
    best = {"tcb": newer, "tcbDate": _date(now), "tcbStatus": UP_TO_DATE}
    return [best, {**own, "advisoryIDs": [ADVISORY]}]


def _svns(components: bytes, pce_svn: int) -> dict[str, Any]:
    return {"sgxtcbcomponents": [{"svn": svn} for svn in components], "pcesvn": pce_svn}


def _qe(now: int) -> dict[str, Any]:
    level = {"tcb": {"isvsvn": QE_SECURITY_VERSION}, "tcbDate": _date(now), "tcbStatus": UP_TO_DATE}
    return {
        "miscselect": "00000000",
        "miscselectMask": "FFFFFFFF",
        "attributes": "15" + "00" * 15,
        "attributesMask": "FBFFFFFFFFFFFFFF" + "00" * 8,
        "mrsigner": QE_SIGNER.hex().upper(),
        "isvprodid": QE_PRODUCT_ID,
        "tcbLevels": [level],
    }


def _window(now: int, lifetime: int) -> dict[str, str]:
    return {"issueDate": _date(now), "nextUpdate": _date(now + lifetime)}


def _date(seconds: int) -> str:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _compact(document: dict[str, Any]) -> str:
    """The signature is over exactly these characters, so no other writer may come between."""
    return json.dumps(document, separators=(",", ":"))
