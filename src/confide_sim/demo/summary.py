"""What the demo left, read back from what each party holds, never from what the demo believes."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from confide.algorithms import metrics
from confide.app.receipts import Anchors, VerifiedReceipt, verify_receipt
from confide.app.records import RECEIPT
from confide.attestation.roots import TrustRoots
from confide_sim.demo.files import INITIATOR, PROVIDER

SUMMARY = "summary.json"


def summarise(base: Path, seconds: float, later_clicks: Path) -> dict[str, Any]:
    """Verify the receipt, read the report, and write summary.json. Raises ConfideError."""
    folder = finished_task(base / INITIATOR / "tasks")
    verified = _verify(base, folder / RECEIPT)
    report = json.loads((folder / "report.json").read_bytes())
    joint, alone = report["metrics"]["joint"], report["metrics"]["initiator"]
    rows = verified.signed.receipt.rounds[0].rows
    summary = {
        "joint_auc": joint["auc"],
        "alone_auc": alone["auc"],
        "worth": report["metrics"]["lift"]["differences"][0]["auc"],
        "joint_logloss": joint["logloss"],
        "alone_logloss": alone["logloss"],
        "rows_held_out": joint["rows_held_out"],
        "rows_sent": {party: counts.sent for party, counts in rows.items()},
        "rows_joined": rows[INITIATOR].joined,
        "rows_unmatched": {party: counts.unmatched for party, counts in rows.items()},
        "rows_quarantined": {party: counts.quarantined for party, counts in rows.items()},
        "rows_quarantined_while_preparing": {
            party: counts.quarantined_while_preparing for party, counts in rows.items()
        },
        "predictions_auc": _auc_of(folder / "predictions.csv", later_clicks),
        "trust_root": verified.claims.trust_root,
        "simulated": verified.claims.simulated,
        "measurement": verified.claims.measurement,
        "blocks": {str(done.kind): done.block for done in verified.signed.receipt.rounds},
        "signers": [*verified.signed.participants, "enclave"],
        "seconds": round(seconds, 1),
        "receipt": str(folder / RECEIPT),
        "model": str(folder / "model.confide"),
        "predictions": str(folder / "predictions.csv"),
        "pictures": str(folder / "pictures.html"),
    }
    (base / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n")
    return summary


def finished_task(records: Path) -> Path:
    """The folder of the one task that ended with a receipt, in a party's records.

    Locks lie beside it, and a file system lists in any order: only a receipt tells a task's folder.
    """
    (receipt,) = records.glob(f"*/{RECEIPT}")
    return receipt.parent


def _verify(base: Path, receipt: Path) -> VerifiedReceipt:
    root = TrustRoots.read([str(base / INITIATOR / "simulated-root.pem")])
    ca_pem = (base / INITIATOR / "identity" / "ca.pem").read_bytes()
    return verify_receipt(receipt, Anchors(ca_pem, root))


def _auc_of(predictions: Path, later_clicks: Path) -> float | None:
    """How the predictions turned out, for rows that no training has seen."""
    happened = _column(later_clicks, "click")
    predicted = _column(predictions, "probability")
    labels = np.array([float(happened[row]) for row in predicted], np.float32)
    return metrics.auc(labels, np.array([float(score) for score in predicted.values()]))


def _column(path: Path, name: str) -> dict[str, str]:
    with path.open(newline="") as file:
        return {row["impression"]: row[name] for row in csv.DictReader(file)}


def tell(console: Console, base: Path, summary: dict[str, Any]) -> None:
    """The end of the story."""
    console.print("\n[bold]What happened[/]")

    def say(text: str) -> None:
        console.print(f"  {text}", highlight=False, soft_wrap=True)

    for kind, block in summary["blocks"].items():
        say(f"agreed ({kind}): block {block[:32]}…, signed by {', '.join(summary['signers'])}")
    say(f"enclave: measurement {summary['measurement']}")
    say(f"trust root: [bold yellow]{summary['trust_root']}: a simulated TEE protects nothing[/]")
    for party, sent in summary["rows_sent"].items():
        say(_rows_of(party, sent, summary))
    gain = summary["joint_auc"] - summary["alone_auc"]
    say(
        f"held-out AUC: {summary['joint_auc']:.4f} with {PROVIDER}'s columns, "
        f"{summary['alone_auc']:.4f} without ({gain:+.4f})"
    )
    say(
        f"held-out logloss: {summary['joint_logloss']:.4f} against {summary['alone_logloss']:.4f}, "
        f"on the same {summary['rows_held_out']:,} rows"
    )
    say(
        f"{PROVIDER}'s columns are worth {_interval(summary['worth'])} of AUC (95% interval), "
        "and neither side has seen the other's"
    )
    say(f"later impressions, predicted: AUC {summary['predictions_auc']:.4f}")
    for name in ("model", "predictions", "pictures", "receipt"):
        say(f"{name + ':':<13} {summary[name]}")
    say(f"summary:      {base / SUMMARY}")
    say("verify the receipt yourself, offline:")
    say(
        f"  .venv/bin/confide receipt verify {summary['receipt']} "
        f"--ca {base / INITIATOR / 'identity' / 'ca.pem'} --root {base / INITIATOR / 'simulated-root.pem'}"
    )


def _interval(found: dict[str, float]) -> str:
    return f"{found['value']:+.4f} ({found['low']:+.4f} to {found['high']:+.4f})"


def _rows_of(party: str, sent: int, summary: dict[str, Any]) -> str:
    unmatched, quarantined = summary["rows_unmatched"][party], summary["rows_quarantined"][party]
    before = summary["rows_quarantined_while_preparing"][party]
    return (
        f"rows of {party}: {sent:,} sent = {summary['rows_joined']:,} joined + {unmatched:,} unmatched "
        f"+ {quarantined:,} quarantined (and {before:,} quarantined at {party}, never sent)"
    )
