"""What the enclave checks when a party opens its commitment: the manifest against the task."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import UnsetType

from confide.core.digest import commitment, same
from confide.core.errors import CommitmentMismatch, SchemaMismatch, TooManyQuarantined
from confide.core.features import Feature
from confide.data.manifest import Manifest
from confide.protocol.evaluation import OwnedColumn
from confide.protocol.terms import Task, evaluation_of


class Named(Protocol):
    """The id column of a manifest, or of a task."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> StrEnum: ...
    @property
    def rules(self) -> Sequence[str] | UnsetType: ...


def check_commitment(party: str, promised: str, salt: bytes, manifest: bytes) -> None:
    """H(D) must be the H(D^N) of the block. Raises CommitmentMismatch, naming the party."""
    if not same(promised, commitment(salt, manifest)):
        raise CommitmentMismatch(f"{party} sent another dataset than it had committed to", blame=party)


def check_manifest(party: str, manifest: Manifest, task: Task) -> None:
    """The dataset has the id, the label and the columns that the task says, and few enough quarantined rows.

    Raises:
        SchemaMismatch, TooManyQuarantined: naming the party.
    """
    if _spelled(manifest.id) != _spelled(task.id):
        raise SchemaMismatch(
            f"{party}'s id is {_spelled(manifest.id)}, the task says {_spelled(task.id)}", blame=party
        )
    if manifest.category_hash != task.encoding.category_hash:
        raise SchemaMismatch(f"{party} hashed its categories with {manifest.category_hash}", blame=party)
    if task.label is not None and task.label.owner == party:
        _check_label(party, manifest, task.label.name)
    kinds = {column.name: column.kind for column in manifest.columns}
    for feature in task.features[party]:
        _check_column(party, feature, kinds)
    for column in evaluation_of(task).columns:
        if column.owner == party:
            _check_column(party, column, kinds)
    quarantined = sum(manifest.quarantined.values())
    if quarantined > task.maximum_quarantined_share * max(1, manifest.source.rows):
        text = (
            f"{party} quarantined {quarantined} of {manifest.source.rows} rows while preparing; "
            f"the task allows a share of {task.maximum_quarantined_share}"
        )
        raise TooManyQuarantined(text, blame=party)


def _spelled(column: Named) -> str:
    parts = f", parts: {', '.join(column.rules)}" if column.rules else ""
    return f"'{column.name}' ({column.type}{parts})"


def _check_label(party: str, manifest: Manifest, name: str) -> None:
    if manifest.label is None or manifest.label.name != name:
        raise SchemaMismatch(f"{party}'s dataset has no label '{name}'", blame=party)


def _check_column(party: str, feature: Feature | OwnedColumn, kinds: Mapping[str, str]) -> None:
    if kinds.get(feature.name) != feature.kind:
        found = kinds.get(feature.name, "not there")
        raise SchemaMismatch(
            f"{party}'s column '{feature.name}' is {found}, the task says {feature.kind}", blame=party
        )
