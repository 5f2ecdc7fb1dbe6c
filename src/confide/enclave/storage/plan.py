"""Whether a round is worked on in memory or out of core, in shards of how many rows, or not at all.

The choice rests on forecasts alone: of the in-memory way (forecast.py), and, where that does not fit, of the
stages of rows/out_of_core.py. `tests/unit/enclave/storage/test_forecast_measured.py` holds them against
measured peaks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from confide.algorithms import registry
from confide.core import limits
from confide.core.platform_api import TaskKind
from confide.data.block_digests import LANES
from confide.data.manifest import Manifest
from confide.data.ordered_pool import workers
from confide.enclave.storage.arrivals import WAITING
from confide.enclave.storage.forecast import (
    ASSUMED_ID_BYTES,
    PROCESS_BYTES,
    WORD,
    Forecast,
    channel_bytes,
    crossing_bytes,
    early_forecast,
    evaluating_bytes,
    features_at_most,
    folds_of,
    forecast,
    join_bytes,
    learned_bytes,
    told_bytes,
    why_not_in_turn,
    working_bytes,
)
from confide.protocol.terms import Algorithm, Task, features_of

_ENCODED: Final = 9
"""Bytes of a row and field in memory: index, value, and one while it is looked at for being finite."""
_ROW: Final = 16
"""Of a row in memory, beside its fields: its place in the order, its scores."""
_HELD_OUT: Final = 56
"""Of a row held out, while AUC is computed."""
_STATISTICS: Final = 33
"""Of a training row, while its column's categories are counted (np.unique)."""
_RECORD: Final = 300
"""Of one record on disk: what is known of it in memory."""
_SHARE: Final = 0.8
"""Of what the forecast leaves, so much goes to a shard."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a round is worked on."""

    forecast: Forecast
    shard_rows: int | None = None
    """Rows in memory at a time; None: all, and nothing is put on disk."""
    starts_early: bool = False
    """Whether the work begins before all data has come. The result is the same, the memory is not."""


def choose(
    task: Task,
    algorithm: Algorithm,
    manifests: Mapping[str, Manifest],
    *,
    limit: int | None,
    can_spool: bool,
    model_bytes: int = 0,
) -> Plan:
    """The in-memory way if it fits into `limit` bytes (None: not known, and so it does), else out of core.

    Raises LimitExceeded, with the numbers, when neither fits.
    """
    in_memory = forecast(task, algorithm, manifests, model_bytes=model_bytes)
    early = early_forecast(task, algorithm, manifests, in_memory)
    if early is not None and (limit is None or early.peak <= limit):
        return Plan(early, starts_early=True)
    if limit is None or in_memory.peak <= limit or not can_spool:
        in_memory.check(limit)
        return Plan(in_memory)
    ways = [
        _OutOfCore(task, algorithm, manifests, model_bytes, early=way).plan(limit) for way in _ways(early)
    ]
    plan = next((found for found in ways if found.forecast.peak <= limit), ways[-1])
    plan.forecast.check(limit)
    return plan


def _ways(early: Forecast | None) -> tuple[bool, ...]:
    return (False,) if early is None else (True, False)


class _OutOfCore:
    """The stages of out_of_core.py, in bytes."""

    def __init__(
        self,
        task: Task,
        algorithm: Algorithm,
        manifests: Mapping[str, Manifest],
        model_bytes: int,
        *,
        early: bool = False,
    ) -> None:
        self._task, self._algorithm, self._manifests, self._early = task, algorithm, manifests, early
        self._model_bytes = model_bytes
        self._rows = min(manifest.rows for manifest in manifests.values())
        self._fields = features_of(task)
        longest = max(block.bytes for manifest in manifests.values() for block in manifest.blocks)
        # Blocks are on disk; what of them is in memory is on its way there or back, or waits for its digest.
        on_their_way = ((workers() + 1) * 3 * longest) + WAITING * min(
            LANES * longest, limits.MAX_BLOCK_BYTES + longest
        )
        channels = sum(map(channel_bytes, manifests.values()))
        self._kept = PROCESS_BYTES + model_bytes + channels + on_their_way
        self._aligned = self._rows * (WORD * len(manifests) + WORD // 2)

    def plan(self, limit: int) -> Plan:
        """With the largest shards that fit, or, if none do, with the least that would be taken."""
        least = min(self._rows, max(limits.MIN_SHARD_ROWS, self._turn))
        wanted = max(least, -(-self._rows // limits.MAX_SHARDS))
        # Where shards are blocks, longer ones would bring nothing.
        fitting = 0 if self._turn else int(_SHARE * (limit - self._work(0)) // self._of_row)
        batch = registry.complete_parameters(self._algorithm.name, self._algorithm.parameters).get(
            "batch_size", 1
        )
        rows = min(self._rows, max(wanted, fitting))
        rows = rows // batch * batch if rows > batch else rows
        name = "predict" if self._task.kind is TaskKind.PREDICT else "train"
        stages = {**self._before(rows), name: self._work(rows)}
        if name == "train":
            learned, copies = self._learned
            stages["deliver"] = self._kept + self._aligned + (copies + 3) * learned
            if self._task.baselines or folds_of(self._task):
                stages["spool again"] = max(stages["columns"], stages["spool"]) + learned
        stages = {f"{stage} out of core": size for stage, size in stages.items()}
        if self._early:
            # Ids are held against the agreement when the last block has come: then everything else is there.
            stages = {
                f"{stage}, and check the order": size + stages["join out of core"] - self._kept
                for stage, size in stages.items()
                if stage.startswith("train")
            } | stages
        return Plan(Forecast(self._rows, len(self._fields), stages), rows, self._early)

    @property
    def _turn(self) -> int:
        """Rows of the longest shard that is learned in its turn: its blocks are not cut."""
        if why_not_in_turn(self._task, self._algorithm):
            return 0
        longest = max(block.rows for manifest in self._manifests.values() for block in manifest.blocks)
        return longest + 2 * limits.TURN_ROWS

    @property
    def _of_row(self) -> int:
        return len(self._fields) * _ENCODED + _ROW

    @property
    def _beside(self) -> int:
        rows, features = 0, 0
        if self._task.split is not None:
            rows, features = self._rows, features_at_most(self._task, self._fields, self._rows)
        return working_bytes(self._algorithm, len(self._fields), rows=rows, features=features)

    @property
    def _learned(self) -> tuple[int, int]:
        return learned_bytes(self._task, self._algorithm, self._fields, self._rows)

    def _before(self, shard_rows: int) -> dict[str, int]:
        longest = max(manifest.rows for manifest in self._manifests.values())
        of_columns = longest * WORD + self._rows * (WORD + _STATISTICS) + crossing_bytes(self._task, longest)
        told = told_bytes(self._task, self._rows, longest)
        return ({"statistics": self._kept + self._aligned + told} if told else {}) | {
            "join": self._kept + sum(map(join_bytes, self._manifests.values())),
            "columns": self._kept + self._aligned + of_columns,
            "spool": self._kept + self._aligned + longest * WORD // 2 + self._pieces(shard_rows),
        }

    def _pieces(self, shard_rows: int) -> int:
        """In each thread a block, expanded, and its rows encoded, sorted, put together and compressed."""
        found = 0
        for party, manifest in self._manifests.items():
            fields = len(self._task.features[party])
            expanded = max(block.rows for block in manifest.blocks) * WORD * max(fields, 1)
            found = max(found, expanded + 4 * min(expanded, limits.PIECE_BYTES))
        return (workers() + 1) * found + self._records(shard_rows)

    def _records(self, shard_rows: int) -> int:
        blocks = sum(len(manifest.blocks) for manifest in self._manifests.values())
        return blocks * (-(-self._rows // max(shard_rows, 1))) * _RECORD

    def _work(self, shard_rows: int) -> int:
        """While a shard is learned or scored; without any rows, what is there beside it."""
        common = self._kept + self._aligned + self._beside
        common += shard_rows * self._of_row + (self._records(shard_rows) if shard_rows else 0)
        if self._task.split is None:
            return common + 2 * self._model_bytes + self._rows * (ASSUMED_ID_BYTES + 2 * WORD)
        learned, copies = self._learned
        held_out = int(self._rows * self._task.split.holdout)
        common += evaluating_bytes(self._task, self._rows, len(self._fields))
        return common + copies * learned + 2 * self._model_bytes + held_out * _HELD_OUT
