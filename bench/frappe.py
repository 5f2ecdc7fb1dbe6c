"""Quality on Frappe, the benchmark of the AFM paper (Xiao et al. 2017, section 5; Baltrunas et al. 2015).

Run: python bench/frappe.py --train F --validation F --test F [--seeds 3] [--rmse-seeds 1]. One JSON
document on stdout; progress and a table on stderr. The files are CSV with a header: id, label (0 or 1),
then one column per field. Frappe may be used for research and not be passed on, so bring your own copy.

Two tasks. CTR: labels 0 and 1, logistic loss, AUC and logloss. RMSE: as in the paper, labels -1 and 1,
squared loss, K = 256, predictions clipped to [-1, 1]; FM with the same K beside AFM. Figures are means over
the seeds.

Parameters were chosen on the validation split alone (bench/README.md says how, with its figures). Each
training takes the epoch that is best on validation. The test file is opened once, when the last model is
trained.
"""

import argparse
import csv
import json
import sys
import time
from pathlib import Path

import numpy as np

from confide.algorithms import metrics, registry
from confide.algorithms.base import Batch

CTR = {
    "embedding_size": 16,
    "attention_size": 16,
    "epochs": 20,
    "learning_rate": 0.1,
    "interaction_scale": 30.0,
    "attention_l2": 1.0,
    "dropout": 0.3,
    "patience": 3,
}
AFM_RMSE = {
    "embedding_size": 256,
    "attention_size": 8,
    "epochs": 30,
    "learning_rate": 0.05,
    "embedding_deviation": 0.02,
    "interaction_scale": 10.0,
    "attention_l2": 0.3,
    "dropout": 0.3,
    "patience": 3,
    "loss": "squared",
}
FM_RMSE = {
    "embedding_size": 256,
    "epochs": 50,
    "learning_rate": 0.05,
    "embedding_deviation": 0.01,
    "dropout": 0.3,
    "patience": 3,
    "loss": "squared",
}
MODELS = (("ctr", "afm", CTR), ("rmse", "afm", AFM_RMSE), ("rmse", "fm", FM_RMSE))


def table(file):
    """(fields, labels): (n, F) texts and (n,) numbers."""
    with file.open(newline="") as source:
        _, *lines = csv.reader(source)
    return np.array([line[2:] for line in lines]), np.array([float(line[1]) for line in lines], np.float32)


class Encoding:
    """Texts to feature indices: the values of the training split, and one index per field for all others."""

    def __init__(self, fields):
        self._values = [np.unique(column) for column in fields.T]
        self.widths = np.array([len(values) + 1 for values in self._values])
        self._starts = np.concatenate(([0], np.cumsum(self.widths)[:-1]))
        self.features = int(self.widths.sum())

    def encoded(self, fields):
        """(n, F) int32."""
        indices = np.empty(fields.shape, np.int32)
        for at, (column, values, start) in enumerate(zip(fields.T, self._values, self._starts, strict=True)):
            place = np.minimum(np.searchsorted(values, column), len(values) - 1)
            indices[:, at] = start + np.where(values[place] == column, place + 1, 0)
        return indices


def batch(encoding, file, task):
    """The rows of a file, with the labels of the task."""
    fields, labels = table(file)
    indices = encoding.encoded(fields)
    return Batch(indices, np.ones(indices.shape, np.float32), labels if task == "ctr" else 2 * labels - 1)


def trained(name, parameters, data, held, features):
    """(estimator, epoch taken)."""
    estimator, best, start = registry.build(name, parameters), (float("inf"), 0), time.perf_counter()
    for report in estimator.fit(data.indices, data.values, data.labels, holdout=held, feature_count=features):
        loss = report.holdout_logloss if report.holdout_rmse is None else report.holdout_rmse
        if loss is not None:
            best = min(best, (loss, report.epoch))
            told(f"  epoch {report.epoch}: validation {loss:.4f}, {time.perf_counter() - start:.0f} s")
    return estimator, best[1]


def scored(task, estimator, rows):
    """The figures of a task."""
    predictions = estimator.predict(rows.indices, rows.values)
    if task == "rmse":
        return {"rmse": metrics.rmse(rows.labels, np.clip(predictions, -1, 1))}
    return {
        "auc": metrics.auc(rows.labels, predictions),
        "logloss": metrics.logloss(rows.labels, predictions),
    }


def measured(train, validation, test, seeds):
    """The whole document."""
    encoding = Encoding(table(train)[0])
    models = []
    for task, name, parameters in MODELS:
        data, held = batch(encoding, train, task), batch(encoding, validation, task)
        for seed in range(seeds[task]):
            told(f"{task} {name} seed {seed}")
            fitted, epoch = trained(name, parameters | {"seed": seed}, data, held, encoding.features)
            models.append((task, name, seed, fitted, {"epoch": epoch} | scored(task, fitted, held)))
    runs = {f"{name}_{task}": {"parameters": parameters, "runs": []} for task, name, parameters in MODELS}
    for task, name, seed, fitted, on_validation in models:
        figures = scored(task, fitted, batch(encoding, test, task))
        runs[f"{name}_{task}"]["runs"].append({"seed": seed, "validation": on_validation, "test": figures})
    return summary(runs) | {"seeds": seeds, "models": runs}


def summary(runs):
    """Means over the seeds, on the test split."""

    def mean(model, figure):
        return round(float(np.mean([run["test"][figure] for run in runs[model]["runs"]])), 4)

    return {
        "afm_auc": mean("afm_ctr", "auc"),
        "afm_logloss": mean("afm_ctr", "logloss"),
        "afm_rmse": mean("afm_rmse", "rmse"),
        "fm_rmse": mean("fm_rmse", "rmse"),
    }


def told(line):
    sys.stderr.write(line + "\n")


def told_table(document):
    """Every run, as a table."""
    told(f"\n{'model':<10}{'seed':>5}{'epoch':>7}  validation -> test")
    for model, found in document["models"].items():
        for run in found["runs"]:
            figures = ", ".join(
                f"{name} {run['validation'][name]:.4f} -> {value:.4f}" for name, value in run["test"].items()
            )
            told(f"{model:<10}{run['seed']:>5}{run['validation']['epoch']:>7}  {figures}")
    told("means on test: " + ", ".join(f"{name} {document[name]}" for name in ("afm_auc", "afm_logloss")))
    told("               " + ", ".join(f"{name} {document[name]}" for name in ("afm_rmse", "fm_rmse")))


def main():
    options = argparse.ArgumentParser(description=__doc__)
    for split in ("train", "validation", "test"):
        options.add_argument(f"--{split}", type=Path, required=True)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--rmse-seeds", type=int, default=1)
    chosen = options.parse_args()
    seeds = {"ctr": chosen.seeds, "rmse": chosen.rmse_seeds}
    document = measured(chosen.train, chosen.validation, chosen.test, seeds)
    told_table(document)
    sys.stdout.write(json.dumps(document) + "\n")


if __name__ == "__main__":
    main()
