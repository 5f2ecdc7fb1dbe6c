"""Every algorithm on real data: all columns, A's alone, B's alone, on the same held-out rows.

Run: python bench/quality.py [--open-bandit WHEEL] [--frappe TRAIN VALIDATION TEST] [--talking-data CSV]
[--only ALGORITHM ...] [--seeds 3] [--resamples 500] [--format json]. At least one data set; you bring the
files (docs/explanation/quality.md says from where, and what their licences allow).

GRID is what was tried, the same for every data set and way. Each setting is trained once (seed 0), up to
EPOCHS passes or TREES trees, and taken at its best epoch on validation; the setting with the least logloss
there is trained anew with each seed, as long as that epoch. Where the data set has no splits of its own, the
new trainings learn the validation rows too. Test rows are scored once, after all choices. Figures are means
over the seeds; intervals come from the lift report's bootstrap: the same resamples of the test rows for all.
"""

import argparse
import itertools
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from quality_data import WAYS, frappe_data, open_bandit_data, talking_data
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from confide.algorithms import metrics, registry
from confide.algorithms.evaluation.bootstrap import resampled
from confide.algorithms.evaluation.lift_report import lift_report

EPOCHS, PATIENCE = 20, 2
TREES, TREE_PATIENCE = 400, 20
RATES = (0.01, 0.03, 0.1)
SIZE = 16


def settings(choices, **fixed):
    """All combinations of the choices, each with what is fixed."""
    names = list(choices)
    return [fixed | dict(zip(names, found, strict=True)) for found in itertools.product(*choices.values())]


LEARNED = {"epochs": EPOCHS, "patience": PATIENCE}
DEEP = {"embedding_size": SIZE, "hidden_units": 128} | LEARNED
GRID = {
    "afm": settings({"learning_rate": RATES}, embedding_size=SIZE, attention_size=SIZE, **LEARNED)
    + settings(
        {"learning_rate": RATES},
        embedding_size=SIZE,
        attention_size=SIZE,
        dropout=0.3,
        attention_l2=1.0,
        **LEARNED,
    ),
    "deepfm": settings({"learning_rate": RATES, "dropout": (0.0, 0.3)}, **DEEP),
    "fm": settings(
        {"learning_rate": RATES, "embedding_deviation": (0.01, 0.1)}, embedding_size=SIZE, **LEARNED
    ),
    "gbdt": settings({"learning_rate": (0.03, 0.1), "leaves": (15, 63)}, trees=TREES, patience=TREE_PATIENCE),
    "linear": settings({"learning_rate": (*RATES, 0.3)}, **LEARNED),
    "mlp": settings({"learning_rate": RATES, "dropout": (0.0, 0.3)}, **DEEP),
}


@dataclass(frozen=True)
class Choice:
    """What validation chose for an algorithm and a way."""

    parameters: dict
    minimum_count: int
    logloss: float
    """On validation."""


def trained(name, parameters, learn, held, features):
    """(estimator, best held-out logloss, its epoch or number of trees)."""
    estimator, best = registry.build(name, parameters), (float("inf"), 0)
    reports = estimator.fit(learn.indices, learn.values, learn.labels, holdout=held, feature_count=features)
    for report in reports:
        if report.holdout_logloss is not None:
            best = min(best, (report.holdout_logloss, report.epoch))
    return estimator, *best


def chosen(data, name, way):
    """The best of GRID and of the vocabularies, on validation."""
    found = []
    for count in data.minimum_counts:
        learn, held, features = data.encoded(way, data.training, data.validation, count)
        for parameters in GRID[name]:
            _, loss, length = trained(name, parameters, learn, held, features)
            exact = {"trees" if name == "gbdt" else "epochs": length, "patience": 0}
            found.append(Choice(parameters | exact, count, loss))
    best = min(found, key=lambda choice: choice.logloss)
    told(f"{data.name}, {name}, {way}: {len(found)} settings, best {best.logloss:.5f}: {best.parameters}")
    return best


def predictions(data, name, way, choice, seeds):
    """Of the test rows, by each seed."""
    known = data.known if data.refit else data.training
    learn, test, features = data.encoded(way, known, data.test, choice.minimum_count)
    for seed in range(seeds):
        fitted, *_ = trained(name, choice.parameters | {"seed": seed}, learn, None, features)
        yield fitted.predict(test.indices, test.values)


def measured(data, names, seeds, resamples):
    """The entry of a data set: what was chosen, then the figures."""
    started = time.monotonic()
    choices = {(name, way): chosen(data, name, way) for name in names for way in WAYS}
    labels = data.labels[data.test]
    share = float(data.labels[data.known if data.refit else data.training].mean())
    found = {name: of_algorithm(data, name, choices, seeds, resamples) for name in names}
    constant = metrics.logloss(labels, np.full(len(labels), share))
    told(f"{data.name}: {time.monotonic() - started:.0f} s")
    return {
        "data": data.name,
        "rows": {part: len(getattr(data, part)) for part in ("training", "validation", "test")},
        "positives": {
            part: int(data.labels[getattr(data, part)].sum()) for part in ("training", "validation", "test")
        },
        "constant_logloss": constant,
        "seeds": seeds,
        "algorithms": found,
    }


def of_algorithm(data, name, choices, seeds, resamples):
    """Choices and test figures of one algorithm, all ways on the same resamples."""
    scores = {
        (way, seed): scored
        for way in WAYS
        for seed, scored in enumerate(predictions(data, name, way, choices[name, way], seeds))
    }
    found = list(resampled(data.labels[data.test], scores, resamples, seed=0))
    report = lift_report([mean_over_seeds(figures, seeds) for figures in found])
    for way in WAYS:
        one, choice = report["models"][way], choices[name, way]
        one["by_seed"] = [found[0][way, seed] for seed in range(seeds)]
        one |= {"parameters": choice.parameters, "minimum_count": choice.minimum_count}
        one["validation_logloss"] = choice.logloss
    return report


def mean_over_seeds(figures, seeds):
    return {
        way: {
            figure: float(np.mean([figures[way, seed][figure] for seed in range(seeds)]))
            for figure in ("auc", "logloss")
        }
        for way in WAYS
    }


def told(line):
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def interval(found, digits=4):
    return f"{found['value']:.{digits}f} [{found['low']:.{digits}f}, {found['high']:.{digits}f}]"


def table_of(entry):
    """For people: one line per algorithm and way, and what the other side's columns add."""
    positives, rows = entry["positives"]["test"], entry["rows"]["test"]
    title = f"{entry['data']}: {rows:,} test rows, {positives:,} positive; logloss of their share"
    table = Table(
        "", "columns", "AUC", "logloss", "AUC added by the rest", box=SIMPLE_HEAD, title_justify="left",
        title=f"{title} {entry['constant_logloss']:.5f}",
    )  # fmt: skip
    for name, report in entry["algorithms"].items():
        added = {found["second"]: interval(found["auc"]) for found in report["differences"]}
        for way, column in zip(WAYS, ("A and B", "A alone", "B alone"), strict=True):
            found = report["models"][way]
            first = name if way == "joint" else ""
            figures = (interval(found["auc"]), interval(found["logloss"], 5), added.get(way, ""))
            table.add_row(first, column, *figures)
    return table


def data_of(given):
    """The data sets whose files are named. Yields Data."""
    if given.open_bandit:
        yield open_bandit_data(given.open_bandit)
    if given.talking_data:
        yield talking_data(given.talking_data)
    if given.frappe:
        yield frappe_data(*given.frappe)


def data_options(description):
    """What scripts that take these data sets are asked for."""
    asked = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    asked.add_argument("--open-bandit", type=Path, metavar="WHEEL", help="obp-0.4.1-py3-none-any.whl")
    asked.add_argument("--talking-data", type=Path, metavar="CSV", help="train_sample.csv")
    asked.add_argument("--frappe", type=Path, nargs=3, metavar=("TRAIN", "VALIDATION", "TEST"))
    return asked


def main():
    asked = data_options(__doc__)
    asked.add_argument("--only", nargs="+", choices=sorted(registry.ALGORITHMS), metavar="ALGORITHM")
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--resamples", type=int, default=500)
    asked.add_argument("--format", choices=("text", "json"), default="text")
    given = asked.parse_args()
    names = given.only or sorted(registry.ALGORITHMS)
    found = [measured(data, names, given.seeds, given.resamples) for data in data_of(given)]
    if not found:
        asked.error("name the files of at least one data set")
    if given.format == "json":
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    console = Console() if sys.stdout.isatty() else Console(width=140)
    for entry in found:
        console.print(table_of(entry), highlight=False)


if __name__ == "__main__":
    main()
