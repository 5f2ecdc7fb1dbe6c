"""Write vectors/afm.json; with --check, fail if it would change.

The model is written down a second time, pair by pair in plain Python, and differentiated by complex steps
(Squire and Trapp 1998), so nothing here leans on the product's closed form.
"""

import cmath
import json
import math
import random
import sys
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "vectors" / "afm.json"
STEP = 1e-30
DIGITS = 12

Case = dict[str, Any]
Numbers = dict[str, Any]


def output(weights: Numbers, row: list[int], values: list[float], kept: list[float]) -> complex:
    pairs = []
    for left, right in combinations(range(len(row)), 2):
        first, second = weights["embeddings"][row[left]], weights["embeddings"][row[right]]
        pairs.append([a * b * values[left] * values[right] for a, b in zip(first, second, strict=True)])
    scale = [score(weights, pair) for pair in pairs]
    total = sum(cmath.exp(one) for one in scale)
    result = weights["bias"][0] + sum(
        weights["linear"][index] * value for index, value in zip(row, values, strict=True)
    )
    for pair, one in zip(pairs, scale, strict=True):
        gain = sum(p * k * q for p, k, q in zip(weights["projection"], kept, pair, strict=True))
        result += cmath.exp(one) / total * gain
    return complex(result)


def score(weights: Numbers, pair: list[complex]) -> complex:
    result = 0j
    for unit, bias, out in zip(
        weights["attention.weight"], weights["attention.bias"], weights["attention.output"], strict=True
    ):
        hidden = bias + sum(w * q for w, q in zip(unit, pair, strict=True))
        result += out * hidden if complex(hidden).real > 0 else 0
    return result


def loss(case: Case, weights: Numbers) -> complex:
    total = 0j
    for row, values, label, kept in zip(
        case["indices"], case["values"], case["labels"], masks(case), strict=True
    ):
        raw = output(weights, row, values, kept)
        if case["loss"] == "squared":
            total += (raw - label) ** 2
        else:
            total += cmath.log(1 + cmath.exp(raw)) - label * raw
    return total


def masks(case: Case) -> list[list[float]]:
    size = len(case["weights"]["projection"])
    return case.get("kept") or [[1.0] * size for _ in case["indices"]]


def gradient(case: Case) -> Numbers:
    result = json.loads(json.dumps(case["weights"]))
    for set_number, keep in places(case["weights"], result):
        set_number(STEP * 1j)
        keep(rounded(loss(case, case["weights"]).imag / STEP))
        set_number(0)
    return result


def places(weights: Numbers, result: Numbers) -> Iterator[tuple[Callable[..., None], Callable[..., None]]]:
    """For each number, how to add to it and where its derivative goes."""
    for name in weights:
        for index, item in enumerate(weights[name]):
            if isinstance(item, list):
                for column in range(len(item)):
                    yield adder(item, column), putter(result[name][index], column)
            else:
                yield adder(weights[name], index), putter(result[name], index)


def adder(holder: list[Any], at: int) -> Callable[[complex], None]:
    original = holder[at]

    def add(step: complex) -> None:
        holder[at] = original + step if step else original

    return add


def putter(holder: list[Any], at: int) -> Callable[[float], None]:
    def put(value: float) -> None:
        holder[at] = value

    return put


def rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def made(
    name: str, *, fields: int, rows: int, seed: int, loss_name: str = "logistic", dropout: bool = False
) -> Case:
    draw = random.Random(seed)  # noqa: S311 - test data

    def numbers(*shape: int) -> Any:
        if len(shape) == 1:
            return [round(draw.gauss(0, 1), 6) for _ in range(shape[0])]
        return [numbers(*shape[1:]) for _ in range(shape[0])]

    per_field, size, units = 3, 4, 3
    weights = {
        "attention.bias": numbers(units),
        "attention.output": numbers(units),
        "attention.weight": numbers(units, size),
        "bias": numbers(1),
        "embeddings": numbers(fields * per_field, size),
        "linear": numbers(fields * per_field),
        "projection": numbers(size),
    }
    case: Case = {
        "name": name,
        "loss": loss_name,
        "weights": weights,
        "indices": [[f * per_field + draw.randrange(per_field) for f in range(fields)] for _ in range(rows)],
        "values": [[round(draw.uniform(-1, 2), 6) for _ in range(fields)] for _ in range(rows)],
        "labels": [float(draw.randrange(2)) for _ in range(rows)],
    }
    if loss_name == "squared":
        case["labels"] = numbers(rows)
    if dropout:
        case["kept"] = [[2.0 * draw.randrange(2) for _ in range(size)] for _ in range(rows)]
    return case


def finished(case: Case) -> Case:
    ones = [1.0] * len(case["weights"]["projection"])
    raw = [
        output(case["weights"], row, values, ones).real
        for row, values in zip(case["indices"], case["values"], strict=True)
    ]
    told = raw if case["loss"] == "squared" else [1 / (1 + math.exp(-one)) for one in raw]
    case["predictions"] = [rounded(one) for one in told]
    case["total_loss"] = rounded(loss(case, case["weights"]).real)
    case["gradient"] = gradient(case)
    return case


def refused() -> list[Case]:
    return [
        {"name": "index past the end", "indices": [[0, 9]], "values": [[1.0, 1.0]], "features": 9},
        {"name": "negative index", "indices": [[-1, 2]], "values": [[1.0, 1.0]], "features": 9},
        {"name": "values of another shape", "indices": [[0, 1]], "values": [[1.0]], "features": 9},
        {"name": "no fields", "indices": [[]], "values": [[]], "features": 9},
        {"name": "value not finite", "indices": [[0, 1]], "values": [[1.0, "nan"]], "features": 9},
    ]


def document() -> str:
    cases = [
        made("three fields", fields=3, rows=4, seed=1),
        made("five fields, squared loss", fields=5, rows=3, seed=2, loss_name="squared"),
        made("one field: no pairs", fields=1, rows=3, seed=3),
        made("two fields: attention is 1", fields=2, rows=2, seed=4),
        made("dropout of half the pooled vector", fields=4, rows=3, seed=5, dropout=True),
    ]
    content = {
        "about": "AFM, float64: predictions without dropout; summed loss and its gradient with 'kept'",
        "vectors": [finished(case) for case in cases],
        "refused": refused(),
    }
    return json.dumps(content, indent=1) + "\n"


def main() -> int:
    if "--check" in sys.argv:
        return 0 if FILE.read_text() == document() else 1
    FILE.write_text(document())
    return 0


if __name__ == "__main__":
    sys.exit(main())
