"""What a party keeps of a task, one folder each: agreements, results, receipt, and a line per message.

tasks/ID/events.jsonl            every message, its digest, the state after it (written before it is sent)
         train-block.json        the signed agreement; predict-block.json, predict-block-2.json, …
         model.confide           the model (initiator only), and model.confide.signature.json
         report.json             metrics and curve (initiator only)
         pictures.html           of the report (initiator only)
         held-out-predictions.csv  (or .parquet), where the task releases them (initiator only)
         prediction-report.json  statistics and drift of a prediction, where its task releases them; its
                          pictures: prediction-pictures.html (initiator only)
         predictions.csv  (or .parquet; initiator only), and predictions.csv.signature.json
         receipt.json            signed by all
         journal.sealed          where the task stands, and common.sealed, the rows in common
         result.part             what has come of a result
         ended.json              why it ended otherwise, as we were told or found ourselves
"""

import json
import os
from pathlib import Path
from typing import Any

import msgspec

from confide.app.files import make_private_folder, read_bounded
from confide.app.pictures.page import page
from confide.core import canonical, limits
from confide.core.digest import digest_of, same, sha384_hex
from confide.core.errors import ConfideError, ConfigurationError, JournalInvalid
from confide.core.ports import Clock
from confide.crypto.private_files import replace_private
from confide.protocol.blocks import SignedBlock, TrainBlock
from confide.protocol.messages import Message
from confide.protocol.provenance import envelope
from confide.protocol.receipts import HostEnd, PrivatePart, ResultStatement, SignedReceipt

MODEL, REPORT, RECEIPT = "model.confide", "report.json", "receipt.json"
PICTURES = "pictures.html"
PREDICTION_REPORT, PREDICTION_PICTURES = f"prediction-{REPORT}", f"prediction-{PICTURES}"
PREDICTIONS = ("predictions.csv", "predictions.parquet")
"""By the format that the task asks for."""
HELD_OUT = tuple(f"held-out-{name}" for name in PREDICTIONS)
EVENTS = "events.jsonl"
PAPERS_SUFFIX = ".signature.json"
MAX_MODEL_BYTES = limits.RESULT_PART_BYTES * limits.MAX_RESULT_PARTS
PART = "result.part"
"""What has come of a result so far."""
ENDED = "ended.json"


def papers_path(model: Path) -> Path:
    """Where the papers of a model file, or of predictions, lie."""
    return model.with_name(model.name + PAPERS_SUFFIX)


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """Why a task has ended, in the words that its party was shown."""

    at: int
    code: str
    reason: str
    blame: str | None


class TaskFolder:
    """Implements party.ports.Records, and the note of session.conversation."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        """Makes the folder, closed to other users. Raises ConfigurationError, also for one that is not."""
        self.folder = folder
        self._clock = clock
        self._written: dict[str, Path] = {}
        self._predictions_name, self._task_name = PREDICTIONS[0], ""
        self._enclave_key = b""
        make_private_folder(folder)

    def path(self, what: str) -> Path | None:
        """Where the last file of this name was written, if any; by an earlier process, too."""
        if what not in self._written and (self.folder / what).exists():
            return self.folder / what
        return self._written.get(what)

    def note(self, way: str, message: Message, state: str) -> None:
        """One line per message: its kind and digest, never its content. Raises ConfigurationError."""
        line = {
            "at": self._clock.now(),
            "way": way,
            "message": str(message.kind),
            "digest": digest_of(message),
            "state": state,
        }
        path = self.folder / EVENTS
        try:
            with open(path, "a", encoding="utf-8", opener=_private) as file:
                file.write(json.dumps(line) + "\n")
        except OSError as cause:
            raise ConfigurationError(f"{path}: {cause.strerror}") from None

    def ended(self, error: ConfideError) -> None:
        """Why the task has ended without a receipt; the last reason counts. Raises ConfigurationError."""
        line = Ended(at=self._clock.now(), code=error.code, reason=error.message, blame=error.blame)
        self._replace(self.folder / ENDED, msgspec.json.encode(line))

    def agreed(self, signed: SignedBlock) -> None:
        """See party.ports.Records."""
        self._enclave_key = signed.block.enclave.public_key
        kind = "train" if isinstance(signed.block, TrainBlock) else "predict"
        self._task_name = signed.block.task.name
        self._predictions_name = f"predictions.{signed.block.task.predictions_format}"
        self._write(f"{kind}-block.json", canonical.encode(signed))

    def result(self, statement: ResultStatement, signature: bytes, report: PrivatePart, data: bytes) -> None:
        """See party.ports.Records."""
        name = MODEL if statement.kind == "model" else self._predictions_name
        path = self._write(name, data[: statement.bytes])
        if statement.held_out:
            self._write(f"held-out-{self._predictions_name}", data[statement.bytes :])
        papers = envelope(statement, signature, self._enclave_key)
        self._replace(papers_path(path), canonical.encode(papers))
        (self.folder / PART).unlink(missing_ok=True)
        if statement.kind == "model":
            self._report(report, REPORT, PICTURES, "Training")
        elif "statistics" in report.metrics:
            self._report(report, PREDICTION_REPORT, PREDICTION_PICTURES, "Prediction")

    def _report(self, report: PrivatePart, name: str, pictures: str, kind: str) -> None:
        document = {"metrics": report.metrics, "curve": list(report.curve)}
        self._write(name, json.dumps(document, indent=2).encode())
        drawn = page(self._task_name, report.metrics, list(report.curve), kind)
        if drawn:
            self._write(pictures, drawn.encode())

    def part(self, offset: int, data: bytes | memoryview) -> None:
        """See party.ports.Records."""
        try:
            with open(self.folder / PART, "r+b" if offset else "wb", opener=_private) as file:
                file.truncate(offset)
                file.seek(offset)
                file.write(data)
        except OSError as cause:
            raise ConfigurationError(f"{self.folder / PART}: {cause.strerror}") from None

    def came(self) -> bytes:
        """All that was kept by `part`."""
        path = self.folder / PART
        return read_bounded(path, MAX_MODEL_BYTES, JournalInvalid) if path.exists() else b""

    def model(self, sha384: str) -> bytes:
        """See party.ports.Records."""
        for path in sorted(self.folder.glob("model*.confide")):
            data = read_bounded(path, MAX_MODEL_BYTES, JournalInvalid)
            if same(sha384_hex(data), sha384):
                return data
        raise JournalInvalid(f"{self.folder} does not hold the model that this task has trained")

    def receipt(self, signed: SignedReceipt) -> None:
        """See party.ports.Records."""
        self._replace(self.folder / RECEIPT, canonical.encode(signed))
        self._written[RECEIPT] = self.folder / RECEIPT

    def add_host_end(self, signed: SignedReceipt, end: HostEnd) -> SignedReceipt:
        """Complete the receipt with the host's record of the enclave's end."""
        completed = msgspec.structs.replace(signed, host_end=end)
        self.receipt(completed)
        return completed

    def _write(self, name: str, data: bytes) -> Path:
        """A second file of the same name gets a number: nothing is overwritten."""
        stem, dot, suffix = name.partition(".")
        path, number = self.folder / name, 1
        while path.exists():
            number += 1
            path = self.folder / f"{stem}-{number}{dot}{suffix}"
        self._replace(path, data)
        self._written[name] = path
        return path

    def _replace(self, path: Path, data: bytes) -> None:
        try:
            replace_private(path, data)
        except OSError as cause:
            raise ConfigurationError(f"{path}: {cause.strerror}") from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def read_events(folder: Path) -> list[dict[str, Any]]:
    """The lines of a task's events file; empty if there is none."""
    path = folder / EVENTS
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_ended(folder: Path) -> Ended | None:
    """Why the task of this folder ended; None if that is not known here. Raises ConfigurationError."""
    path = folder / ENDED
    if not path.exists():
        return None
    data = read_bounded(path, limits.MAX_SETTINGS_BYTES, ConfigurationError)
    try:
        return msgspec.json.decode(data, type=Ended)
    except (msgspec.MsgspecError, RecursionError) as cause:
        raise ConfigurationError(f"{path}: {cause}") from None
