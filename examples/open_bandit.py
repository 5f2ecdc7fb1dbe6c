"""Split the Open Bandit click log between two owners, and score predictions. Standard library only.

    python open_bandit.py split obp-0.4.1-py3-none-any.whl --shop shop --media media
    python open_bandit.py score predictions.csv shop/what-happened-later.csv

The log (ZOZO, CC BY 4.0; Saito et al. 2020, arXiv:2008.07146) is in the Python wheel obp 0.4.1: six sets of
10,000 impressions, two logging policies times three campaigns, of 2019-11-24 to 2019-11-30, in time order.

`shop` gets the click, the position and the hour of each impression, the four user features, and two columns
from the user's past clicks (the log's user-item affinities): `affinities`, on how many items they fell, and
`favourite`, on which most. `media` gets the item that was shown and the item's features. The last day's
impressions are set apart, for prediction. Item numbers mean another item in each campaign, so that `item` is
campaign and number.
"""  # noqa: INP001 - a script, not a package

import argparse
import csv
import io
import math
import random
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

FOLDER = "obp/dataset/obd"
POLICIES, CAMPAIGNS = ("random", "bts"), ("all", "men", "women")
AFFINITY = "user-item_affinity_"
LAST_DAY = "2019-11-30"
SEED = 7
USER = (*(f"user_feature_{n}" for n in range(4)), "affinities", "favourite")
SHOP = ("impression", "click", "position", "hour", *USER)
MEDIA = ("impression", "campaign", "item", *(f"item_feature_{n}" for n in range(4)))

Row = dict[str, str]


def read_log(wheel: Path) -> list[Row]:
    """All 60,000 impressions in time order, each with its item's features and a number as its id."""
    rows: list[Row] = []
    with zipfile.ZipFile(wheel) as archive:
        for policy in POLICIES:
            for campaign in CAMPAIGNS:
                rows += _set(archive, f"{FOLDER}/{policy}/{campaign}", campaign)
    rows.sort(key=lambda row: row["timestamp"])
    for number, row in enumerate(rows, 1):
        row["impression"] = str(number)
        row["hour"] = row["timestamp"][11:13]
    return rows


def _set(archive: zipfile.ZipFile, folder: str, campaign: str) -> list[Row]:
    items = {row["item_id"]: row for row in _table(archive, f"{folder}/item_context.csv")}
    rows = _table(archive, f"{folder}/{campaign}.csv")
    for row in rows:
        row.update(items[row["item_id"]])
        row["campaign"], row["item"] = campaign, f"{campaign}-{row['item_id']}"
        row.update(_past(row, campaign))
    return rows


def _past(row: Row, campaign: str) -> Row:
    """On how many items the user's past clicks fell, and on which most (empty: no click yet)."""
    scores = {int(name[len(AFFINITY) :]): float(row[name]) for name in row if name.startswith(AFFINITY)}
    liked = [item for item, score in scores.items() if score > 0]
    favourite = max(liked, key=lambda item: scores[item], default=None)
    shown = "" if favourite is None else f"{campaign}-{favourite}"
    return {"affinities": str(len(liked)), "favourite": shown}


def _table(archive: zipfile.ZipFile, name: str) -> list[Row]:
    with archive.open(name) as file:
        return list(csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline="")))


def split(wheel: Path, shop: Path, media: Path) -> None:
    """Write each owner's two files, and what happened later beside the shop's."""
    rows = read_log(wheel)
    before = [row for row in rows if row["timestamp"][:10] < LAST_DAY]
    later = [row for row in rows if row["timestamp"][:10] >= LAST_DAY]
    for folder in (shop, media):
        folder.mkdir(parents=True, exist_ok=True)
    _write(shop / "impressions.csv", before, SHOP)
    _write(shop / "later.csv", later, [name for name in SHOP if name != "click"])
    _write(shop / "what-happened-later.csv", later, ("impression", "click"))
    shuffled = random.Random(SEED)  # noqa: S311 - an order, no secret
    _write(media / "impressions.csv", shuffled.sample(before, len(before)), MEDIA)
    _write(media / "later.csv", shuffled.sample(later, len(later)), MEDIA)
    for name, part in (("impressions", before), ("later", later)):
        clicks = sum(row["click"] == "1" for row in part)
        _say(f"{name}.csv: {len(part):,} impressions, {clicks} clicks")


def _write(path: Path, rows: Iterable[Row], columns: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def score(predictions: Path, happened: Path) -> None:
    """AUC with its standard error, and logloss, of a predictions file against what happened."""
    clicks = {row["impression"]: int(row["click"]) for row in _rows(happened)}
    pairs = [(float(row["probability"]), clicks[row["impression"]]) for row in _rows(predictions)]
    positives = sum(label for _, label in pairs)
    area = auc(pairs)
    error = standard_error(area, positives, len(pairs) - positives)
    logloss = -sum(math.log(p if label else 1 - p) for p, label in pairs) / len(pairs)
    _say(
        f"{len(pairs):,} impressions, {positives} clicks: AUC {area:.3f} ± {error:.3f}, logloss {logloss:.4f}"
    )


def _rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def auc(pairs: list[tuple[float, int]]) -> float:
    """Share of (clicked, not clicked) pairs in the right order; a tie counts half (Mann-Whitney)."""
    ordered = sorted(pairs)
    rank_sum, start = 0.0, 0
    while start < len(ordered):
        stop = start
        while stop < len(ordered) and ordered[stop][0] == ordered[start][0]:
            stop += 1
        rank_sum += (start + 1 + stop) / 2 * sum(label for _, label in ordered[start:stop])
        start = stop
    positives = sum(label for _, label in pairs)
    return (rank_sum - positives * (positives + 1) / 2) / (positives * (len(pairs) - positives))


def standard_error(area: float, positives: int, negatives: int) -> float:
    """Of an AUC (Hanley and McNeil 1982, Radiology 143, 29-36)."""
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    spread = (positives - 1) * (q1 - area * area) + (negatives - 1) * (q2 - area * area)
    return math.sqrt((area * (1 - area) + spread) / (positives * negatives))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Open Bandit click log: split between two owners, score.")
    commands = parser.add_subparsers(dest="command", required=True)
    splitting = commands.add_parser("split")
    splitting.add_argument("wheel", type=Path)
    splitting.add_argument("--shop", type=Path, required=True)
    splitting.add_argument("--media", type=Path, required=True)
    scoring = commands.add_parser("score")
    scoring.add_argument("predictions", type=Path)
    scoring.add_argument("happened", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "split":
        split(arguments.wheel, arguments.shop, arguments.media)
    else:
        score(arguments.predictions, arguments.happened)


if __name__ == "__main__":
    main()
