"""Write vectors/{terms,results,statistics}.json; with --check, fail if they would change.

What a Task may ask for; what the enclave signs about a result (in-toto in DSSE); how statistics are blurred.
"""

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from make_vectors_protocol import Document, Row, flip, main
from msgspec.structs import replace
from protocol_examples import KEYS, PREDICT_TASK, STATEMENT, TASK, digest

from confide.core import canonical
from confide.core.digest import digest_of
from confide.core.features import Cross, Feature, Kind
from confide.data.statistics import figures
from confide.data.statistics.blurring import Blur, coarse, key_of
from confide.data.statistics.drift import stability_index
from confide.protocol import evaluation as e
from confide.protocol import provenance, terms
from confide.protocol.receipts import RESULT_CONTEXT, HeldOutFile
from confide.protocol.statistics import Figure, Statistics
from confide.protocol.terms import Release, Released

# --- terms.json --------------------------------------------------------------------------------------

DAY = e.OwnedColumn(owner="media", name="day", kind=Kind.NUMERIC)
ZONE = e.OwnedColumn(owner="media", name="zone", kind=Kind.CATEGORICAL)
TIME = "time of day"


def released(*more: Released) -> tuple[Release, ...]:
    return tuple(Release(what=what, to="shop") for what in (Released.MODEL, Released.METRICS, *more))


EVALUATED = replace(
    TASK,
    baselines=("initiator", "providers"),
    evaluation=e.Evaluation(
        time=DAY,
        validation=0.1,
        keep_negatives=0.25,
        positive_weight=2.0,
        thresholds=(0.1, 0.5),
        groups=e.Groups(column=ZONE, values=("a", "é")),
        resamples=500,
        importance=3,
    ),
    releases=released(Released.LIFT, Released.IMPORTANCE, Released.HELD_OUT),
)
TUNED = replace(
    TASK,
    evaluation=e.Evaluation(folds=e.HeldFolds(column=DAY, held=("5", "6.5")), validation=0.2),
    tuning=e.Tuning(
        method="random",
        choices={"embedding_size": e.Choices(values=(4, 8))},
        ranges={"learning_rate": e.Range(low=0.01, high=0.3, log=True)},
        trials=20,
        minutes=30.0,
        seed=7,
    ),
    releases=released(Released.TRIALS),
)
GATED = replace(TASK, gate=e.Gate(membership_advantage=0.1, leakage_auc=0.95))
TOLD = replace(
    TASK,
    statistics=Statistics(
        columns={
            "shop": {"city": (Figure.MISSING, Figure.CARDINALITY, Figure.LABEL_CORRELATION)},
            "media": {TIME: (Figure.MEAN, Figure.QUANTILES, Figure.DRIFT)},
        },
        minimum_rows=50,
    ),
    releases=released(Released.STATISTICS),
)
DRIFTING = replace(
    PREDICT_TASK,
    statistics=Statistics(columns={"media": {TIME: (Figure.DRIFT,)}}),
    releases=(*PREDICT_TASK.releases, Release(what=Released.STATISTICS, to="shop")),
)
CROSSED = replace(
    TASK,
    features=TASK.features
    | {"media": (*TASK.features["media"], Feature(name="page", kind=Kind.CATEGORICAL))},
    crosses=(Cross(name="city and page", of=(("shop", "city"), ("media", "page"))),),
)
INTERSECTED = replace(
    TASK,
    id=terms.IdColumn(
        name="person", type=terms.IdType.STRING, rules=(terms.IdRule.TEXT_1, terms.IdRule.EXACT_1)
    ),
    alignment=terms.Intersection(protocol="unbalanced", minimum_size=100, minimum_first=True),
)
GOOD_TASKS = {
    "training": TASK,
    "prediction": PREDICT_TASK,
    "training with an evaluation": EVALUATED,
    "training with a tuning": TUNED,
    "training with a gate": GATED,
    "training with statistics": TOLD,
    "prediction with drift": DRIFTING,
    "training with a cross": CROSSED,
    "training with an intersection, of ids of two parts": INTERSECTED,
}


def text(value: Any) -> str:
    return canonical.encode(value).decode()


def changed(task: terms.Task, old: str, new: str) -> str:
    plain = text(task)
    if plain.count(old) != 1:
        raise ValueError(f"{old} is not there once")
    return plain.replace(old, new)


def bad_tasks() -> dict[str, str]:
    return {
        "two ways to hold out": changed(EVALUATED, '"folds":null', f'"folds":{text(TUNED.evaluation.folds)}'),
        "groups of nine rows": changed(EVALUATED, '"minimum_rows":100', '"minimum_rows":9'),
        "a threshold above 1": changed(EVALUATED, '"thresholds":[0.1,0.5]', '"thresholds":[0.1,1.5]'),
        "a lift report without a baseline": changed(
            EVALUATED, '"baselines":["initiator","providers"]', '"baselines":["initiator"]'
        ),
        "a column of nobody": changed(
            EVALUATED, '"name":"day","owner":"media"', '"name":"day","owner":"maps"'
        ),
        "trials that are not released": changed(TUNED, ',{"to":"shop","what":"trials"}', ""),
        "a range that is empty": changed(TUNED, '"high":0.3', '"high":0.01'),
        "a gate that is below chance": changed(GATED, '"leakage_auc":0.95', '"leakage_auc":0.4'),
        "a gate that is null": changed(GATED, f'"gate":{text(GATED.gate)}', '"gate":null'),
        "statistics of 19 rows": changed(TOLD, '"minimum_rows":50', '"minimum_rows":19'),
        "the least of a column": changed(TOLD, '"mean","quantiles"', '"least","quantiles"'),
        "a figure of another kind": changed(TOLD, '"cardinality"', '"mean"'),
        "a figure twice": changed(TOLD, '"cardinality"', '"missing"'),
        "statistics of a column that is no feature": changed(
            TOLD, '{"city":["missing"', '{"town":["missing"'
        ),
        "statistics that are not released": changed(TOLD, ',{"to":"shop","what":"statistics"}', ""),
        "statistics to a provider": changed(
            TOLD, '{"to":"shop","what":"statistics"}', '{"to":"media","what":"statistics"}'
        ),
        "a cross of one column": changed(CROSSED, ',["media","page"]]', "]"),
        "a cross of a number": changed(CROSSED, '["media","page"]', '["media","time of day"]'),
        "no crosses": changed(CROSSED, f'"crosses":{text(CROSSED.crosses)}', '"crosses":[]'),
        "parts written anew": changed(INTERSECTED, '"ids":"exact/1"', '"ids":"text/1"'),
        "an id of one part": changed(INTERSECTED, '["text/1","exact/1"]', '["text/1"]'),
        "a number of two parts": changed(INTERSECTED, '"type":"string"', '"type":"integer"'),
        "a minimum that is not first": changed(INTERSECTED, '"minimum_first":true', '"minimum_first":false'),
        "a label of a prediction": changed(DRIFTING, '"drift"', '"label-correlation"'),
    }


def terms_document() -> Document:
    return {
        "about": "Tasks as canonical JSON, with their digests; and texts that are no Task.",
        "format": "confide-vectors/terms/1",
        "good": [
            {"name": name, "task": text(task), "sha384": digest_of(task)} for name, task in GOOD_TASKS.items()
        ],
        "bad": [{"name": name, "task": task} for name, task in bad_tasks().items()],
    }


# --- results.json ------------------------------------------------------------------------------------

BESIDE = replace(STATEMENT, held_out=HeldOutFile(sha384=digest("held out"), bytes=3))


def result_rows() -> Iterator[Row]:
    def row(name: str, envelope: Any, error: str | None = None, key: str = "enclave") -> Row:
        data = envelope if isinstance(envelope, str) else text(envelope)
        return {"name": name, "envelope": data, "public_key": KEYS[key].public_key.hex(), "error": error}

    def signed(statement: Any, key: str = "enclave") -> provenance.Envelope:
        signature = KEYS[key].sign(RESULT_CONTEXT, provenance.signed_bytes(statement))
        return provenance.envelope(statement, signature, KEYS["enclave"].public_key)

    good, predictions = signed(STATEMENT), replace(STATEMENT, kind="predictions")
    entry = replace(good.signatures[0], sig=flip(good.signature))
    about = good.payload.replace(b'"name":"model"', b'"name":"predictions"')
    twice = replace(good, signatures=good.signatures * 2)
    yield row("good: model", good)
    yield row("good: predictions", signed(predictions))
    yield row("good: model with held-out predictions", signed(BESIDE))
    yield row("another wants to have signed", signed(STATEMENT, "stranger"), "signature")
    yield row("the signature altered", replace(good, signatures=(entry,)), "signature")
    yield row("the payload of another result", replace(good, payload=signed(BESIDE).payload), "signature")
    yield row("a key that is another", good, "signature", "stranger")
    yield row("the subject is another file", replace(good, payload=about), "form")
    yield row("two signatures", twice, "form")
    yield row("no signature", replace(good, signatures=()), "form")
    yield row("another payload type", text(good).replace("in-toto+json", "in-toto+cbor"), "form")
    yield row("not canonical", text(good) + "\n", "form")
    yield row("nothing", "", "form")


def results_document() -> Document:
    return {
        "about": "DSSE envelopes of in-toto Statements about results, and the key to verify them with. "
        "`error`: form (it is none) or signature (it does not verify).",
        "format": "confide-vectors/results/1",
        "results": list(result_rows()),
    }


# --- statistics.json ---------------------------------------------------------------------------------

SALTS, OF_TASK, MINIMUM = (bytes(range(32)), bytes(range(32, 64))), digest_of(TOLD), 20
COLUMN = [float((17 * at) % 101) / 4 if at % 9 else None for at in range(600)]
CATEGORIES = [at * at % 7 for at in range(600)]
LABELS = [int(at % 3 == 0) for at in range(600)]
WIDTHS = (1e-300, 0.0011, 1.0, 1.1, 2.0, 2.5, 6.0, 123_456.0)


def statistics_document() -> Document:
    key = key_of(SALTS, OF_TASK)
    numbers, codes = Blur(key, MINIMUM, "media", TIME), Blur(key, MINIMUM, "shop", "city")
    values = np.array([np.nan if value is None else value for value in COLUMN])
    categories, labels = np.array(CATEGORIES, np.uint64), np.array(LABELS, np.float32)
    present = figures.ordered(values)
    return {
        "about": "Key, draws, steps and figures of Statistics. Category 0 is missing, as is null.",
        "format": "confide-vectors/statistics/1",
        "salts": [salt.hex() for salt in SALTS],
        "task": OF_TASK,
        "minimum_rows": MINIMUM,
        "key": key.hex(),
        "draws": [
            {"party": blur.party, "column": blur.column, "figure": figure, "draw": blur.uniform(figure)}
            for blur in (numbers, codes)
            for figure in ("missing", "mean", "quantile 0.5", "rows for cardinality")
        ],
        "steps": [{"width": width, "step": float(coarse(width))} for width in WIDTHS],
        "numbers": {
            "values": COLUMN,
            "missing": figures.missing(values, numbers),
            "mean": figures.mean(present, numbers),
            "quantiles": figures.quantiles(present, numbers),
            "label-correlation": figures.label_correlation(values, labels, numbers),
        },
        "categories": {
            "values": CATEGORIES,
            "missing": figures.missing(categories, codes),
            "cardinality": figures.cardinality(categories, codes),
            "label-correlation": figures.label_correlation(categories, labels, codes),
        },
        "labels": LABELS,
        "stability": [
            {
                "expected": expected,
                "found": found,
                "floors": floors,
                "index": stability_index(tuple(expected), tuple(found), floors=floors),
            }
            for expected, found, floors in (
                ([0.25, 0.5, 0.25], [0.5, 0.3, 0.2], (0.01, 0.01)),
                ([0.0, 1.0], [0.5, 0.5], (0.01, 0.02)),
            )
        ],
    }


DOCUMENTS = {
    "terms.json": terms_document,
    "results.json": results_document,
    "statistics.json": statistics_document,
}


if __name__ == "__main__":
    sys.exit(main(DOCUMENTS))
