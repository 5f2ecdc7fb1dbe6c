"""The gate before the release: what the model gives away of its training rows, and a field of the label."""

from confide.algorithms.base import Batch, Estimator, Floats
from confide.algorithms.evaluation import measures, probes
from confide.algorithms.evaluation.sample import sample
from confide.core import limits
from confide.core.errors import ModelKeptBack, WorkFailed
from confide.enclave.learning.trainer import Trainer
from confide.enclave.rows.encoded_rows import EncodedRows
from confide.enclave.rows.opened import fields_of
from confide.protocol.evaluation import Gate, GateFigures


def probe(trainer: Trainer, rows: EncodedRows, model: Estimator, gate: Gate) -> GateFigures:
    """Both probes, on up to PROBE_ROWS rows of each side; the figures go into the receipt.

    Members are compared with validation rows where there are any (they are chosen as members are, and left
    out alike), else with held-out rows.

    Raises:
        ModelKeptBack: a figure is above what the task allows.
        WorkFailed: the labels are not 0 and 1.
    """
    learn = sample(rows.learn, limits.PROBE_ROWS, trainer.seed)
    outside = sample(rows.validation or rows.held, limits.PROBE_ROWS, trainer.seed)
    if not measures.is_binary(learn.labels):
        raise WorkFailed("the gate's probes need labels 0 and 1")
    advantage = probes.membership_advantage(*(_losses(trainer, model, part) for part in (learn, outside)))
    alone = probes.leakage(learn, outside)
    party, feature = fields_of(trainer.task, trainer.task.participants)[int(alone.argmax())]
    figures = GateFigures(
        membership_advantage=advantage,
        leakage_auc=float(alone.max()),
        leakage_field=f"{party}.{feature.name}",
    )
    _check(figures, gate)
    return figures


def _losses(trainer: Trainer, model: Estimator, rows: Batch) -> Floats:
    predictions = model.predict(rows.indices, rows.values)
    return probes.losses(rows.labels, predictions, binary=trainer.binary)


def _check(found: GateFigures, gate: Gate) -> None:
    if found.membership_advantage > gate.membership_advantage:
        raise ModelKeptBack(
            f"the model tells its training rows from others with an advantage of "
            f"{found.membership_advantage:.3f}; the task allows {gate.membership_advantage:.3f}"
        )
    if found.leakage_auc > gate.leakage_auc:
        raise ModelKeptBack(
            f"the column {found.leakage_field} alone predicts the label with an AUC of "
            f"{found.leakage_auc:.4f}; the task allows {gate.leakage_auc:.4f}: it seems to hold the label"
        )
