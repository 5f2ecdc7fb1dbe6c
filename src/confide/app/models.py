"""A model as a party keeps it: the file, and beside it the papers that make it believable."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from confide.algorithms.model import Model
from confide.app.files import read_bounded
from confide.app.records import MAX_MODEL_BYTES, papers_path
from confide.core import canonical, limits
from confide.core.digest import same, sha256_hex, sha384_hex
from confide.core.errors import ModelFileInvalid
from confide.protocol.blocks import SignedBlock
from confide.protocol.messages import BroughtModel
from confide.protocol.provenance import decode_envelope
from confide.protocol.terms import crosses_of


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model file that has been read, and its agreement."""

    path: Path
    data: bytes = field(repr=False)
    model: Model = field(repr=False)
    agreement: SignedBlock = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> "OpenedModel":
        """Raises ModelFileInvalid."""
        data = read_bounded(path, MAX_MODEL_BYTES, ModelFileInvalid)
        model = Model.read(data)
        try:
            agreement = canonical.decode(model.file.train_block.encode(), SignedBlock)
        except canonical.NotCanonical as cause:
            raise ModelFileInvalid(f"{path}: its agreement is not valid: {cause}") from None
        return cls(path, data, model, agreement)

    def papers(self) -> BroughtModel:
        """What a fresh enclave asks for, from the file beside the model. Raises ModelFileInvalid."""
        beside = papers_path(self.path)
        try:
            papers = decode_envelope(read_bounded(beside, limits.MAX_CANONICAL_BYTES, ModelFileInvalid))
        except canonical.NotCanonical as cause:
            raise ModelFileInvalid(f"{beside}: {cause}") from None
        statement = papers.result()
        if statement.kind != "model" or not same(statement.sha384, sha384_hex(self.data)):
            raise ModelFileInvalid(f"{beside} is about another model than {self.path.name}")
        if papers.signatures[0].keyid != sha256_hex(self.agreement.block.enclave.public_key):
            raise ModelFileInvalid(f"{beside} names another key than that of the model's enclave")
        return BroughtModel(trained_under=self.agreement, statement=statement, signature=papers.signature)

    def document(self) -> dict[str, Any]:
        """What `confide model show` tells."""
        block = self.agreement.block
        return {
            "file": str(self.path),
            "sha384": sha384_hex(self.data),
            "bytes": len(self.data),
            "task": self.model.file.task,
            "task_id": block.task_id,
            "algorithm": msgspec.to_builtins(self.model.file.algorithm),
            "participants": list(block.task.participants),
            "features": {
                party: [feature.name for feature in features]
                for party, features in block.task.features.items()
            },
            "crosses": {cross.name: [f"{p}.{c}" for p, c in cross.of] for cross in crosses_of(block.task)},
            "metrics": dict(self.model.file.metrics),
            "arrays": {name: list(array.shape) for name, array in self.model.file.arrays.items()},
            "enclave": {"tee": block.enclave.tee, "measurement": block.enclave.measurement},
            "agreed_at": block.agreed_at,
        }
