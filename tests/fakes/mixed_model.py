"""A small model of every kind of column, and rows as unlike those it was trained on as they can be."""

import numpy as np

from confide.algorithms import model_file, registry
from confide.algorithms.model import Model
from confide.algorithms.model_file import AlgorithmOfModel, ModelFile
from confide.core.features import Feature, Kind, Missing, Transform
from confide.data.encoding import FeatureEncoder
from confide.data.vocabulary import Scheme, Vocabulary

NUMERIC = {
    "plain": Feature(name="plain", kind=Kind.NUMERIC),
    "log": Feature(name="log", kind=Kind.NUMERIC, transform=Transform.LOG1P),
    "standard": Feature(name="standard", kind=Kind.NUMERIC, transform=Transform.STANDARD),
    "power": Feature(name="power", kind=Kind.NUMERIC, transform=Transform.POWER, exponent=0.5),
    "quantiles": Feature(
        name="quantiles",
        kind=Kind.NUMERIC,
        transform=Transform.QUANTILES,
        quantiles=8,
        missing=Missing.CATEGORY,
    ),
    "known": Feature(name="known", kind=Kind.NUMERIC, transform=Transform.STANDARD, missing=Missing.CATEGORY),
    "buckets": Feature(
        name="buckets", kind=Kind.NUMERIC, transform=Transform.BUCKETS, boundaries=(-1.0, 0.0, 0.5)
    ),
}
CATEGORIES = ("city", "page")
FIELDS = [("a", Feature(name=name, kind=Kind.CATEGORICAL)) for name in CATEGORIES]
FIELDS += [("b", feature) for feature in NUMERIC.values()]
ODD_NUMBERS = (np.nan, 0.0, -0.0, 1e-300, 5e-324, 0.5, -1.0, 50.0)
HUGE_NUMBERS = (np.inf, -np.inf, 1e300, -1e300, 1e9)


def columns_of(rows, seed=0):
    """Codes as XXH3 would make them (few, some missing), and numbers (some missing)."""
    random = np.random.default_rng(seed)
    known = np.random.default_rng(77).integers(1, 1 << 63, 40, np.uint64) * np.uint64(2) + np.uint64(1)
    found = {}
    for name in CATEGORIES:
        codes = known[random.integers(0, len(known), rows)]
        codes[random.random(rows) < 0.05] = 0
        found["a", name] = codes
    for name in NUMERIC:
        numbers = 2 * random.standard_normal(rows)
        numbers[random.random(rows) < 0.05] = np.nan
        found["b", name] = numbers
    return found


def odd_columns(*, huge):
    """Unknown categories at the ends of the range, and numbers at the ends of theirs if `huge`."""
    numbers = np.array(ODD_NUMBERS + HUGE_NUMBERS if huge else ODD_NUMBERS)
    count = len(numbers)
    codes = np.resize(np.array([0, 1, (1 << 64) - 1, 1 << 63, (1 << 63) - 1], np.uint64), count)
    found = {("a", name): np.roll(codes, at) for at, name in enumerate(CATEGORIES)}
    return found | {("b", name): np.roll(numbers, at) for at, name in enumerate(NUMERIC)}


def mixed_model(name, *, scheme="exact", minimum_count=1, loss="logistic", rows=1_500):
    """As read from a file."""
    columns = columns_of(rows)
    vocabulary = Vocabulary(scheme=Scheme(scheme), bits=6, minimum_count=minimum_count)
    encoder, encoded = FeatureEncoder.fit_encode(FIELDS, columns, rows, vocabulary)
    score = np.nan_to_num(columns["b", "standard"]) + (columns["a", "city"] % np.uint64(3)).astype(float) - 1
    labels = (score > 0).astype(np.float32) if loss == "logistic" else score.astype(np.float32)
    estimator = registry.build(name, {"loss": loss})
    list(estimator.fit(encoded.indices, encoded.values, labels, feature_count=encoded.features))
    parameters = registry.complete_parameters(name, {"loss": loss})
    algorithm = AlgorithmOfModel(name=name, version=estimator.version, parameters=parameters)
    file = ModelFile(algorithm, encoder.to_document(), "t", "{}", {}, estimator.arrays())
    return Model.read(model_file.write(file))
