"""Tuning in the enclave: trials within the agreed budget, on the same rows, judged by the validation rows."""

from collections.abc import Generator, Mapping
from typing import Any

from confide.algorithms.evaluation.sampler import sampler
from confide.core.errors import WorkFailed
from confide.core.ports import Clock
from confide.enclave.learning.trainer import Trainer
from confide.enclave.rows.encoded_rows import EncodedRows
from confide.enclave.work import Step
from confide.protocol.evaluation import Tuning

_MINUTE = 60


def tune(
    trainer: Trainer, rows: EncodedRows, tuning: Tuning, clock: Clock
) -> Generator[Step, None, dict[str, Any]]:
    """Search; from then on the trainer's parameters are the best ones. Returns every trial.

    No trial begins after the minutes are over, but the first always does. Raises WorkFailed: all failed.
    """
    source, deadline = sampler(tuning), clock.monotonic() + _MINUTE * tuning.minutes
    given, trials = dict(trainer.parameters), list[dict[str, Any]]()
    while len(trials) < tuning.trials and (not trials or clock.monotonic() < deadline):
        drawn = source.ask()
        if drawn is None:
            break
        trial = yield from _trial(trainer, rows, given | drawn, f"trial {len(trials) + 1} of {tuning.trials}")
        source.tell(trial["loss"])
        trials.append({"parameters": drawn} | trial)
    known = [trial for trial in trials if trial["loss"] is not None]
    if not known:
        raise WorkFailed("no trial of the tuning came to a finite loss; search other parameters")
    best = min(known, key=lambda trial: trial["loss"])
    trainer.parameters = given | best["parameters"]
    return {"method": tuning.method, "trials": trials, "best": trials.index(best)}


def _trial(
    trainer: Trainer, rows: EncodedRows, parameters: Mapping[str, Any], stage: str
) -> Generator[Step, None, dict[str, Any]]:
    """The validation loss of the model that these parameters leave: of its best epoch if it stops early."""
    try:
        _, curve = yield from trainer.fit(rows, stage, parameters=parameters)
    except WorkFailed as cause:
        return {"loss": None, "epochs": 0, "failed": cause.message}
    losses = [point.get("validation_logloss", point.get("validation_rmse", 0.0)) for point in curve]
    best = min(losses) if parameters.get("patience") else losses[-1]
    return {"loss": best, "epochs": len(curve), "failed": None}
