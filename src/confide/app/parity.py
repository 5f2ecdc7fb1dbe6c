"""Does sharing cost quality? The same task, trained plainly on all data, and as the enclave does it.

For rehearsals: it needs the prepared data of all parties on one machine. The plain training knows nothing of
the enclave (confide.estimators). The shared one is a model that an enclave returned, or, without one, what
the enclave's own code makes of the same blocks in this process: commitments, blocks, join and training as
there; the channels are left out, which change no byte, and the evidence, which is not about numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from confide.algorithms import metrics, registry
from confide.algorithms.model import Model
from confide.app.models import OpenedModel
from confide.app.party_config import read_toml
from confide.app.task_file import TrainFile, parameters_of, read_train
from confide.core.digest import commitment, digest_of
from confide.core.errors import ConfigurationError, WorkFailed
from confide.core.ports import Clock, Randomness
from confide.data.alignment.join import join
from confide.data.columns import Columns, Field, Values
from confide.data.dataset import PreparedDataset
from confide.data.split import holdout
from confide.data.vocabulary import Scheme, Vocabulary
from confide.enclave.learning import training
from confide.enclave.storage.vault import Shelves, Vault
from confide.enclave.work import Step
from confide.estimators.training import train
from confide.protocol.blocks import EnclaveIdentity, SignedBlock, TrainBlock
from confide.protocol.terms import Algorithm, Task, crosses_of, evaluation_of

NOBODY = EnclaveIdentity(public_key=b"", tee="none", measurement="", trust_root="", config="0" * 96)
"""In a rehearsal there is no enclave, and nobody signs."""
SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Parity:
    """What differs between the two models."""

    arrays: dict[str, float]
    """Largest absolute difference of each array; infinite where shapes differ."""
    predictions: float
    """Largest absolute difference on the held-out rows."""
    plain: dict[str, float]
    """Figures of the held-out rows."""
    shared: dict[str, float]
    rows: int
    held_out: int
    source: str
    """Where the shared model came from."""

    @property
    def identical(self) -> bool:
        """Every learned number and every prediction is the same, to the bit."""
        return self.predictions == 0 and not any(self.arrays.values())

    def document(self) -> dict[str, Any]:
        """Plain JSON."""
        found = {name: getattr(self, name) for name in self.__slots__}
        finite = {name: value if np.isfinite(value) else None for name, value in self.arrays.items()}
        return found | {"arrays": finite, "identical": self.identical}


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A task and everybody's data, on one machine."""

    file: TrainFile
    task: Task
    datasets: Mapping[str, PreparedDataset]

    @classmethod
    def read(cls, path: Path, datasets: Mapping[str, PreparedDataset]) -> "Rehearsal":
        """The initiator is the party that is no provider. Raises ConfigurationError."""
        initiators = set(datasets) - set(read_providers(path))
        if len(initiators) != 1:
            raise ConfigurationError(f"{path}: give the data of every provider, and of one initiator")
        file, task = read_train(path, initiators.pop())
        if file.start_from is not None:
            raise ConfigurationError(f"{path}: a training that starts from a model is not compared")
        asked = evaluation_of(task)
        chosen = (
            asked.time,
            asked.folds,
            asked.validation,
            asked.keep_negatives < 1,
            asked.positive_weight > 1,
        )
        if any(chosen) or task.tuning:
            raise ConfigurationError(
                f"{path}: what is compared is a training on random rows, all of them, each alike: leave out "
                "'time', 'folds', 'validation', 'keep_negatives', 'positive_weight' and [tuning]"
            )
        if set(datasets) != set(task.participants):
            raise ConfigurationError(f"{path}: give the data of {', '.join(task.participants)}")
        return cls(file, task, datasets)

    def algorithm(self) -> Algorithm:
        """As the agreement would name it. Raises AlgorithmNotListed, ParameterInvalid."""
        name, parameters = self.file.algorithm.name, parameters_of(self.file)
        listed = registry.ALGORITHMS[name]
        return Algorithm(
            name=name, version=listed.version, digest=registry.code_digest(name), parameters=parameters
        )


def read_providers(path: Path) -> tuple[str, ...]:
    """Who the task file says brings data beside the initiator. Raises ConfigurationError."""
    return read_toml(path, TrainFile).providers


def compare(rehearsal: Rehearsal, shared: Model, source: str) -> Parity:
    """Train plainly, and hold the two models against each other. Raises what a training raises."""
    task = rehearsal.task
    if task.split is None or task.label is None:
        raise WorkFailed("a training task has a label and a split")
    tables = {party: rehearsal.datasets[party].table() for party in task.participants}
    alignment = join(tables, dict.fromkeys(tables, task.id.name))
    rows, held = holdout(alignment.size, task.split.holdout, task.split.seed)
    order = np.concatenate((rows, held))
    fields: list[Field] = [
        (party, feature) for party in task.participants for feature in task.features[party]
    ]
    columns: Columns = {
        (party, feature.name): _column(tables[party], feature.name)[alignment.rows[party][order]]
        for party, feature in fields
    }
    owner = task.label.owner
    labels = _column(tables[owner], task.label.name)[alignment.rows[owner][order]].astype(np.float32)
    algorithm = rehearsal.algorithm()
    plain, _ = train(
        algorithm.name,
        algorithm.parameters,
        fields,
        columns=columns,
        labels=labels,
        vocabulary=_vocabulary(task),
        crosses=crosses_of(task),
        held_out=len(held),
    )
    tail = {name: values[len(rows) :] for name, values in columns.items()}
    told, truth = (plain.predict(tail), shared.predict(tail)), labels[len(rows) :]
    return Parity(
        arrays=_differences(plain, shared),
        predictions=float(np.abs(told[0].astype(np.float64) - told[1]).max()),
        plain=_figures(truth, told[0]),
        shared=_figures(truth, told[1]),
        rows=alignment.size,
        held_out=len(held),
        source=source,
    )


def shared_from_file(path: Path, rehearsal: Rehearsal) -> Model:
    """A model that an enclave returned. Raises ModelFileInvalid; ConfigurationError: of another task."""
    opened = OpenedModel.read(path)
    block = opened.agreement.block
    agreed = registry.complete_parameters(block.algorithm.name, block.algorithm.parameters)
    wanted = rehearsal.algorithm()
    if (block.task, block.algorithm.name, agreed) != (rehearsal.task, wanted.name, wanted.parameters):
        raise ConfigurationError(f"{path} was trained under another task than the file describes")
    return opened.model


def rehearse(rehearsal: Rehearsal, clock: Clock, randomness: Randomness) -> Iterator[Step]:
    """The enclave's own code on the committed blocks; the last step's outcome holds the model file."""
    vault, commitments = Vault(), {}
    for party, dataset in rehearsal.datasets.items():
        salt, manifest = randomness.bytes(SALT_BYTES), dataset.manifest_bytes
        commitments[party] = commitment(salt, manifest)
        vault.open(party, commitments[party], salt, manifest)
        for index in range(len(dataset.manifest.blocks)):
            vault.store(party, index, dataset.block(index))
    block = TrainBlock(
        task_id=f"rehearsal-{digest_of(rehearsal.task)[:12]}",
        identities={},
        algorithm=rehearsal.algorithm(),
        task=rehearsal.task,
        consents={},
        commitments=commitments,
        enclave=NOBODY,
        agreed_at=clock.now(),
    )
    unsigned = SignedBlock(block=block, signatures={}, enclave_signature=b"", certificates={})
    shelves: Shelves = vault.shelves(rehearsal.task.participants)
    yield from training.run(unsigned, b"", shelves, randomness, clock=clock)


def _column(table: Any, name: str) -> Values:
    values: Values = table.column(name).to_numpy()
    return values


def _vocabulary(task: Task) -> Vocabulary:
    encoding = task.encoding
    return Vocabulary(
        scheme=Scheme(encoding.vocabulary), bits=encoding.bits, minimum_count=encoding.minimum_count
    )


def _differences(plain: Model, shared: Model) -> dict[str, float]:
    ours, theirs = plain.file.arrays, shared.file.arrays
    found = {}
    for name in sorted({*ours, *theirs}):
        pair = ours.get(name), theirs.get(name)
        found[name] = float("inf")
        if pair[0] is not None and pair[1] is not None and pair[0].shape == pair[1].shape:
            found[name] = float(np.abs(pair[0].astype(np.float64) - pair[1]).max(initial=0))
    return found


def _figures(labels: npt.NDArray[Any], told: npt.NDArray[Any]) -> dict[str, float]:
    found = {"logloss": metrics.logloss(labels, told), "rmse": metrics.rmse(labels, told)}
    auc = metrics.auc(labels, told)
    return found if auc is None else found | {"auc": auc}
