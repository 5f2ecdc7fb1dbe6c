"""GENERATED advertising impressions for the demo: two owners' files, split by columns, and a later slice.

The advertiser (A) knows the campaign and the click; the publisher (B) knows the page and the reader. Whether
a reader clicks depends a little on each side alone and mostly on how the two fit: the advert's category
with the reader's interest. So neither side's columns tell much without the other's. No real person,
campaign or page stands behind any row.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pa_csv

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

CAMPAIGNS, CATEGORIES, FORMATS = 120, 24, 5
INTERESTS, PLACEMENTS, REGIONS = 40, 60, 30
TASTES = 3
"""Dimensions of the hidden space in which categories and interests meet."""
BASE_LOGIT = -1.6
UNMATCHED_SHARE = 0.01
"""Of each side's rows, how many have an id that the other side lacks."""
UNREADABLE_ROWS = 25
"""Of each side's file: cells that are no number."""


@dataclass(frozen=True, slots=True)
class Impressions:
    """Where the generated files are."""

    advertiser: Path
    """A, training: impression, click, campaign, category, format, bid, hour."""
    publisher: Path
    """B, training, in another order: impression, interest, placement, region, visits, dwell."""
    advertiser_later: Path
    """A, prediction: as above without click."""
    publisher_later: Path
    """B, prediction: exactly the same ids."""
    clicks_later: Path
    """What happened then (impression, click): for checking a prediction, nobody's input."""


@dataclass(frozen=True, slots=True, eq=False)
class _World:
    """What stays the same between the training rows and the later ones."""

    category_of: IntArray
    campaign: FloatArray
    placement: FloatArray
    region: FloatArray
    fit: FloatArray
    """(CATEGORIES, INTERESTS): the interaction."""


def generate(folder: Path, *, rows: int = 200_000, later_rows: int = 20_000, seed: int = 7) -> Impressions:
    """Write the five CSV files into `folder`; the same arguments give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.Generator(np.random.PCG64(seed))
    world = _world(random)
    files = Impressions(
        *(folder / f"{name}.csv" for name in ("advertiser", "publisher")),
        *(folder / f"{name}_later.csv" for name in ("advertiser", "publisher", "clicks")),
    )
    ids = _ids(random, rows + later_rows)
    a, b = _draw(random, world, ids[:rows])
    _write(files.advertiser, _spoil(random, _unmatched(random, a), "bid"))
    _write(files.publisher, _shuffled(random, _spoil(random, _unmatched(random, b), "dwell")))
    a, b = _draw(random, world, ids[rows:])
    _write(files.advertiser_later, a.drop_columns(["click"]))
    _write(files.publisher_later, _shuffled(random, b))
    _write(files.clicks_later, a.select(["impression", "click"]))
    return files


def _world(random: np.random.Generator) -> _World:
    tastes = random.normal(size=(CATEGORIES, TASTES)) @ random.normal(size=(TASTES, INTERESTS))
    return _World(
        category_of=random.integers(0, CATEGORIES, CAMPAIGNS),
        campaign=random.normal(0, 0.25, CAMPAIGNS),
        placement=random.normal(0, 0.3, PLACEMENTS),
        region=random.normal(0, 0.15, REGIONS),
        # Centred on both sides: neither the category nor the interest alone says anything of it.
        fit=1.6 * _centred(tastes) / tastes.std(),
    )


def _centred(table: FloatArray) -> FloatArray:
    return np.asarray(table - table.mean(0, keepdims=True) - table.mean(1, keepdims=True) + table.mean())


def _ids(random: np.random.Generator, count: int) -> IntArray:
    """Distinct, ascending with gaps, as a busy server would give them."""
    return 700_000_000_000 + np.cumsum(random.integers(1, 40, count))


def _draw(random: np.random.Generator, world: _World, ids: IntArray) -> tuple[pa.Table, pa.Table]:
    """A's and B's rows of the same impressions, in the same order."""
    rows = ids.size
    campaign = _popular(random, CAMPAIGNS, rows)
    category = world.category_of[campaign]
    interest, placement, region = (_popular(random, n, rows) for n in (INTERESTS, PLACEMENTS, REGIONS))
    shape, hour = random.integers(0, FORMATS, rows), random.integers(0, 24, rows)
    bid, dwell = random.lognormal(0, 0.5, rows), random.lognormal(3, 0.8, rows)
    visits = random.poisson(4, rows)
    logit = BASE_LOGIT + world.campaign[campaign] + world.placement[placement] + world.region[region]
    logit += world.fit[category, interest] + 0.15 * np.log(dwell / 20) - 0.05 * visits
    logit += 0.2 * np.cos((hour - 20) / 24 * 2 * np.pi)
    click = (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    advertiser = {
        "impression": ids,
        "click": click,
        "campaign": _names("cmp", campaign),
        "category": _names("cat", category),
        "format": _names("fmt", shape),
        "bid": _decimals(bid, 3),
        "hour": hour,
    }
    publisher = {
        "impression": ids,
        "interest": _names("int", interest),
        "placement": _names("plc", placement),
        "region": _names("reg", region),
        "visits": visits,
        "dwell": _decimals(dwell, 1),
    }
    return pa.table(advertiser), pa.table(publisher)


def _popular(random: np.random.Generator, count: int, rows: int) -> IntArray:
    """Categories of unequal frequency: the k-th is drawn in proportion to 1 / (k + 5)."""
    weights = 1 / (np.arange(count) + 5.0)
    return random.choice(count, rows, p=weights / weights.sum())


def _names(prefix: str, codes: IntArray) -> Any:
    labels = pa.array([f"{prefix}-{code:03d}" for code in range(int(codes.max()) + 1)])
    return labels.take(codes)


def _decimals(numbers: FloatArray, digits: int) -> Any:
    return pa.array(numbers.round(digits)).cast(pa.string())


def _unmatched(random: np.random.Generator, table: pa.Table) -> pa.Table:
    """The table without a few rows, chosen for each side by itself: each has ids that the other lacks."""
    return table.filter(pa.array(random.random(table.num_rows) >= UNMATCHED_SHARE))


def _spoil(random: np.random.Generator, table: pa.Table, column: str) -> pa.Table:
    """Write a few cells as something that is no number."""
    spoiled = np.zeros(table.num_rows, dtype=np.bool_)
    count = min(UNREADABLE_ROWS, table.num_rows // 100)
    spoiled[random.choice(table.num_rows, count, replace=False)] = True
    cells = pa.array(np.where(spoiled, "#REF!", table.column(column).to_numpy()))
    return table.set_column(table.column_names.index(column), column, cells)


def _shuffled(random: np.random.Generator, table: pa.Table) -> pa.Table:
    return table.take(random.permutation(table.num_rows))


def _write(path: Path, table: pa.Table) -> None:
    pa_csv.write_csv(table, path, write_options=pa_csv.WriteOptions(quoting_style="none"))
