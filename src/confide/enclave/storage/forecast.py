"""How much memory a round will need, told before the data comes: a task that can't fit is refused in words.

Every figure is a count of the arrays that a stage holds at its peak, from the manifests and the agreed task
alone; ids are taken to be ASSUMED_ID_BYTES long. `tests/unit/enclave/storage/test_forecast_measured.py`
holds the forecast against measured peaks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from confide.algorithms import registry
from confide.core import limits
from confide.core.errors import LimitExceeded
from confide.core.features import Feature, Kind
from confide.core.platform_api import TaskKind
from confide.data.filling import GROUP_FIELDS
from confide.data.manifest import Manifest
from confide.data.ordered_pool import workers
from confide.data.schema import IdType
from confide.protocol.early_start import waits_because
from confide.protocol.statistics import Statistics
from confide.protocol.terms import Algorithm, Task, crosses_of, evaluation_of, features_of

PROCESS_BYTES: Final = 208 * limits.MIB
"""Interpreter, libraries, channels."""
ASSUMED_ID_BYTES: Final = 16
_GIB: Final = 1024 * limits.MIB
WORD, INDEX, VALUE = 8, 4, 4
_SCORED: Final = 56
"""Of a held-out row, while AUC is computed."""
_FIGURES: Final = 64
"""Of a held-out row: its place in the order, cumulated counts and rates."""
_RESAMPLED: Final = 140
"""Of a held-out row in the lift report: three models' orders, groups, losses and scores, and a resample."""
_PROBED: Final = 3
"""Copies of the rows that are probed: of both sides, and while they are put together."""
_TOLD: Final = 8 * WORD
"""Of a row, while a column's statistics are made: its number, and sorted, clipped and numbered copies."""
_FLOAT_BYTES: Final = {"float32": 4, "float64": 8}


@dataclass(frozen=True, slots=True)
class Forecast:
    """Peaks by stage, in bytes, the process itself included."""

    rows: int
    """Joined rows, at most."""
    fields: int
    stages: dict[str, int]

    @property
    def peak(self) -> int:
        """Of the stage that needs most."""
        return max(self.stages.values())

    def check(self, limit: int | None) -> None:
        """Raises LimitExceeded, with the numbers, when the peak is beyond `limit` bytes (None: unknown)."""
        if limit is None or self.peak <= limit:
            return
        stages = ", ".join(f"{stage} {told(size)}" for stage, size in self.stages.items())
        raise LimitExceeded(
            f"the enclave has {told(limit)} of memory, and this task may need {told(self.peak)}: "
            f"{self.rows} rows of {self.fields} fields ({stages}); use fewer rows or columns, or an enclave "
            "with more memory (--memory)"
        )


def forecast(
    task: Task, algorithm: Algorithm, manifests: Mapping[str, Manifest], *, model_bytes: int = 0
) -> Forecast:
    """`manifests` of all participants; `model_bytes`: of the model files that the enclave holds."""
    rows = min(manifest.rows for manifest in manifests.values())
    fields = features_of(task)
    blocks = sum(block.bytes for manifest in manifests.values() for block in manifest.blocks)
    kept = PROCESS_BYTES + model_bytes + blocks + sum(map(channel_bytes, manifests.values()))
    # The joined order of each party's rows; the labels.
    aligned = rows * (WORD * len(manifests) + VALUE)
    encoded = rows * len(fields) * (INDEX + VALUE)
    stages = {
        "join": kept + sum(map(join_bytes, manifests.values())),
        "encode": kept + aligned + encoded + _column_bytes(task, manifests, rows),
    }
    longest = max(manifest.rows for manifest in manifests.values())
    told = told_bytes(task, rows, longest)
    if told:
        done = encoded if task.kind is TaskKind.TRAIN else 0
        stages["statistics"] = kept + aligned + done + told
    # While it learns or scores, every number is once looked at for being finite: a byte for each.
    at_work = aligned + encoded + rows * len(fields)
    if task.kind is TaskKind.PREDICT:
        scored = rows * (ASSUMED_ID_BYTES + 2 * WORD) + working_bytes(algorithm, len(fields))
        stages["predict"] = kept + at_work + 2 * model_bytes + scored
        return Forecast(rows, len(fields), stages)
    again = task.baselines or folds_of(task)
    after = kept if again else kept - blocks
    learned, copies = learned_bytes(task, algorithm, fields, rows)
    # A model to start from: its arrays, and where its features are now.
    work = working_bytes(algorithm, len(fields), rows=rows, features=features_at_most(task, fields, rows))
    beside = 2 * model_bytes + work + evaluating_bytes(task, rows, len(fields))
    scored = 0 if task.split is None else int(rows * task.split.holdout) * _SCORED
    stages["train"] = after + at_work + rows * WORD + scored + copies * learned + beside
    if again:
        # Baselines and folds are encoded while the joint model is there, folds in an order of their own.
        order = rows * (WORD * len(manifests) + VALUE + WORD) if folds_of(task) else 0
        stages["encode again"] = stages["encode"] + learned + order + _held_scores(task, rows)
    # What was learned, its copy, the file, and the file's parts before they are put together.
    stages["deliver"] = after + aligned + (copies + 3) * learned
    return Forecast(rows, len(fields), stages)


def _held_scores(task: Task, rows: int) -> int:
    """Predictions of the held-out rows, by each model that is compared."""
    share = 0.0 if task.split is None else task.split.holdout
    return int(rows * share) * VALUE * (1 + len(task.baselines))


def why_not_in_turn(task: Task, algorithm: Algorithm) -> str | None:
    """Why rows are not learned in the agreed order; None: they are (protocol/early_start.py)."""
    return waits_because(task, in_turn=registry.learns_in_turn(algorithm.name))


def early_forecast(
    task: Task, algorithm: Algorithm, manifests: Mapping[str, Manifest], later: Forecast
) -> Forecast | None:
    """Of a training that begins before all blocks have come; None: this one does not.

    `later`: of the same work when all have come. Blocks, encoded rows and what is learned are then in memory
    together, and in the end the ids, to be held against the agreement.
    """
    if why_not_in_turn(task, algorithm) or len({manifest.rows for manifest in manifests.values()}) > 1:
        return None
    blocks = sum(block.bytes for manifest in manifests.values() for block in manifest.blocks)
    ids = sum(map(join_bytes, manifests.values()))
    learning = later.stages["train"] + (0 if task.baselines or folds_of(task) else blocks)
    stages = {
        "train": learning,
        "train, and check the order": learning + ids,
        "deliver": later.stages["deliver"],
    }
    return replace(later, stages=stages)


def folds_of(task: Task) -> int:
    """Of a cross-validation; 0: none."""
    return evaluation_of(task).cross_validation


def evaluating_bytes(task: Task, rows: int, fields: int) -> int:
    """What figures, resamples, probes and folds need beside a training; nothing where none are asked for."""
    asked = evaluation_of(task)
    if task.split is None or not (task.evaluation or task.gate):
        return 0
    held = rows if asked.folds is not None else int(rows * task.split.holdout)
    needed = held * (_FIGURES + (_RESAMPLED if asked.resamples else 0))
    if asked.importance or task.gate:
        needed += _PROBED * min(rows, limits.PROBE_ROWS) * fields * (INDEX + VALUE)
    if asked.cross_validation:
        needed += rows * (WORD * len(task.participants) + VALUE + WORD)
    return needed


def channel_bytes(manifest: Manifest) -> int:
    """Sealed and opened blocks on their way; what they leave free is used again, but not given back."""
    return 2 * limits.MAX_INBOX_MESSAGES * max(block.bytes for block in manifest.blocks)


def join_bytes(manifest: Manifest) -> int:
    """Ids, their keys, the keys' order and the ordered keys; of texts also a copy in one piece."""
    if manifest.id.type is IdType.INTEGER:
        return manifest.rows * 4 * WORD
    return manifest.rows * (2 * ASSUMED_ID_BYTES + 6 * WORD)


def crossing_bytes(task: Task, longest: int) -> int:
    """The columns of the widest cross, while it is made; per thread."""
    widest = max((len(cross.of) for cross in crosses_of(task)), default=0)
    return min(workers(), GROUP_FIELDS) * (widest + 1) * WORD * longest if widest else 0


def told_bytes(task: Task, rows: int, longest: int) -> int:
    """A column per thread whose statistics are told: as it is read, and what is made of it."""
    if not isinstance(task.statistics, Statistics):
        return 0
    columns = sum(map(len, task.statistics.columns.values()))
    return min(workers(), columns) * (longest * WORD + rows * _TOLD)


def _column_bytes(task: Task, manifests: Mapping[str, Manifest], rows: int) -> int:
    """A group of columns in the joined order; per thread, one as it is read, and twice while it is sorted."""
    longest = max(manifest.rows for manifest in manifests.values())
    threads = min(workers(), GROUP_FIELDS)
    return WORD * (GROUP_FIELDS * rows + threads * 2 * longest) + crossing_bytes(task, longest)


def working_bytes(algorithm: Algorithm, fields: int, *, rows: int = 0, features: int = 0) -> int:
    """While it scores, or learns from `rows` rows with an index space of `features`.

    AFM looks at every pair of fields, so it grows with their square; trees hold all rows once more.
    """
    estimator = registry.build(algorithm.name, algorithm.parameters)
    return estimator.working_bytes(fields, rows=rows, features=features)


def features_at_most(task: Task, fields: list[Feature], rows: int) -> int:
    """Size of the index space, at most."""
    categorical = sum(feature.kind is Kind.CATEGORICAL for feature in fields)
    features = sum(_numeric_features(feature) for feature in fields if feature.kind is Kind.NUMERIC)
    if task.encoding.vocabulary == "hashed":
        return features + categorical * ((1 << task.encoding.bits) + 1)
    return features + categorical + min(rows * categorical, limits.MAX_VOCABULARY_CODES)


def learned_bytes(task: Task, algorithm: Algorithm, fields: list[Feature], rows: int) -> tuple[int, int]:
    """(bytes of what is learned, at most; how many times it is held while it is learned)."""
    parameters: dict[str, Any] = registry.complete_parameters(algorithm.name, algorithm.parameters)
    numbers = 1 + parameters.get("embedding_size", 0)
    learned = (
        features_at_most(task, fields, rows) * numbers * _FLOAT_BYTES[parameters.get("precision", "float32")]
    )
    # The numbers, the optimiser's sums, and the best epoch so far where there is one to go back to.
    return learned, 3 if parameters.get("patience") else 2


def _numeric_features(feature: Feature) -> int:
    """At most: its intervals, or 1; and one for missing."""
    return max(len(feature.boundaries) + 1, feature.quantiles or 1) + 1


def told(size: int) -> str:
    """For people."""
    return f"{size / _GIB:.1f} GiB" if size >= _GIB // 10 else f"{size / limits.MIB:.1f} MiB"
