"""Small data of three owners for end-to-end tests: a click depends on what two of them hold together."""

import csv
import random

from confide.data import schema as schemas
from confide.data.prepare import prepare

PURPOSE = "click prediction"
ID = {"name": "row", "type": "string"}
OWNERS = {
    "shop": {"category": "categorical", "bid": "numeric"},
    "media": {"interest": "categorical", "dwell": "numeric"},
    "news": {"region": "categorical"},
}
LABEL = "click"
INTERESTS, REGIONS = 6, 5


def identifiers(count, prefix="r"):
    return [f"{prefix}{number:06}" for number in range(count)]


def rows_of(ids, seed):
    """One dictionary per id, with the columns of all owners and the label."""
    draw = random.Random(seed)
    for identifier in ids:
        category, interest = draw.randrange(INTERESTS), draw.randrange(INTERESTS)
        chance = 0.8 if category == interest else 0.15
        yield {
            "row": identifier,
            "category": f"category-{category}",
            "interest": f"interest-{interest}",
            "region": f"region-{draw.randrange(REGIONS)}",
            "bid": f"{draw.random():.4f}",
            "dwell": f"{draw.random():.4f}",
            LABEL: int(draw.random() < chance),
        }


def write_source(path, rows, columns):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def prepare_for(folder, owner, rows, *, name="prepared", columns=None, labelled=False):
    """Write source, schema and prepared dataset of one owner into its folder."""
    kinds = {column: OWNERS[owner][column] for column in columns or OWNERS[owner]}
    names = ["row", *([LABEL] if labelled else []), *kinds]
    source = write_source(folder / f"{name}.csv", rows, names)
    text = f'[id]\nname = "{ID["name"]}"\ntype = "{ID["type"]}"\n'
    text += f'[label]\nname = "{LABEL}"\n' if labelled else ""
    text += "[columns]\n" + "".join(f'{column} = "{kind}"\n' for column, kind in kinds.items())
    (folder / f"{name}.schema.toml").write_text(text)
    return prepare(source, schemas.load(folder / f"{name}.schema.toml"), folder / name)


def task(*providers, **changes):
    """What the shop proposes, as its TASK.toml holds it."""
    return {
        "name": "clicks",
        "purpose": PURPOSE,
        "dataset": "prepared",
        "providers": list(providers),
        "id": ID,
        "label": {"name": LABEL},
        "features": {owner: OWNERS.get(owner, {"x": "numeric"}) for owner in ("shop", *providers)},
        "algorithm": {"name": "afm", "parameters": {"epochs": 2, "learning_rate": 0.2}},
        "evaluation": {"seed": 1},
        **changes,
    }


def prediction(**changes):
    return {"name": "clicks-later", "purpose": PURPOSE, "dataset": "later", **changes}


def allow(owner, kind, purpose=PURPOSE, **more):
    """One rule of a provider's consent policy."""
    return {
        "initiator": "shop",
        "kind": kind,
        "purpose": purpose,
        "columns": list(OWNERS[owner]),
        **({"predictions": 1} if kind == "train" else {}),
        **more,
    }
