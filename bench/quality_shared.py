"""Lines of quality.py's table through the real protocol: CA, host, enclave on a simulated machine, A and B.

    python bench/quality_shared.py --quality FILE (--open-bandit WHEEL | --talking-data CSV)
    [--only ALGORITHM ...]

FILE is what quality.py printed with --format json. For each algorithm: the joint model with the parameters
chosen there, trained as a task of two parties, with sealed blocks and attestation; then `confide parity`
compares it with the same training done plainly. One JSON line each: the test AUC and logloss that A was told,
those of quality.py (seed 0), and what differs. Ends with 1 where anything does.
"""

import csv
import json
import math
import random
import secrets
import sys
import tempfile
from pathlib import Path

from quality import data_of, data_options
from quality_data import HOLDOUT, SEED, A, B
from rich.console import Console

from confide.core.features import Kind
from confide_sim.demo.children import DemoFailed, children
from confide_sim.demo.files import AUTHORITY, INITIATOR, PLATFORM, PROVIDER
from confide_sim.demo.story import Story

OWNERS = {INITIATOR: A, PROVIDER: B}
PURPOSE = "quality, measured"
LABEL = "label"
LAST_BITS = 1e-12
"""The two add up the same losses in another order."""


class Shared(Story):
    """The demo's processes with the data and the parameters of a line of the table."""

    def __init__(self, base, data):
        super().__init__(base, 0, Console(quiet=True))
        self._of = data

    def run(self, choices):
        """Yields (algorithm, what A was told of the joint model, what `confide parity` says)."""
        self._prepare_folders()
        words = {owner: secrets.token_urlsafe(16) for owner in (AUTHORITY, PLATFORM, INITIATOR, PROVIDER)}
        with children(self._base, words) as running, tempfile.TemporaryDirectory() as short:
            self._identities(running)
            self._platform(running, Path(short))
            for owner in OWNERS:
                self._write(owner)
                files = ("rows.csv", "--schema", "schema.toml", "--out", "prepared", "--format", "json")
                running.run(owner, "confide", "data", "prepare", *files)
            for name, choice in choices.items():
                yield name, *self._trained(running, name, choice)

    def _trained(self, running, name, choice):
        (self._base / INITIATOR / "train.toml").write_text(self._task_toml(name, choice))
        serve = ("confide", "provider", "serve", "--consent", "consent.toml", "--tasks", "1")
        provider = running.start(PROVIDER, *serve)
        train = ("confide", "task", "train", "train.toml", "--format", "json")
        outcome = json.loads(running.run(INITIATOR, *train))["result"]
        if provider.wait(60):
            raise DemoFailed(f"B's service failed; see the logs below {self._base}")
        data = [f"{owner}={self._base / owner / 'prepared'}" for owner in OWNERS]
        given = ("--data", data[0], "--data", data[1], "--model", outcome["model"], "--format", "json")
        compared = json.loads(running.run(INITIATOR, "confide", "parity", "train.toml", *given))["result"]
        return outcome["metrics"]["joint"], compared

    def _write(self, owner):
        """The owner's rows, B's in another order, its schema, and what B allows."""
        data, folder = self._of, self._base / owner
        fields = [feature for side, feature in data.fields if side == OWNERS[owner]]
        order = list(range(len(data.labels)))
        if owner == PROVIDER:
            random.Random(SEED).shuffle(order)
        columns = [data.texts[OWNERS[owner], feature.name] for feature in fields]
        columns += [data.labels.astype(int)] if owner == INITIATOR else []
        label = [LABEL] if owner == INITIATOR else []
        with (folder / "rows.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", *(feature.name for feature in fields), *label])
            writer.writerows([at, *(column[at] for column in columns)] for at in order)
        kinds = [f'{feature.name} = "{feature.kind.value}"' for feature in fields]
        schema = ['[id]\nname = "id"\ntype = "integer"', *([f'[label]\nname = "{LABEL}"'] if label else [])]
        (folder / "schema.toml").write_text("\n".join([*schema, "[columns]", *kinds]) + "\n")
        names = json.dumps([feature.name for feature in fields])
        rule = f'[[allow]]\ninitiator = "{INITIATOR}"\nkind = "train"\npurpose = "{PURPOSE}"\n'
        (folder / "consent.toml").write_text(f'{rule}columns = {names}\ndata = "prepared"\n')

    def _task_toml(self, name, choice):
        lines = [f'name = "{name}"\npurpose = "{PURPOSE}"\ndataset = "prepared"\nproviders = ["{PROVIDER}"]']
        lines.append(f'[id]\nname = "id"\ntype = "integer"\n[label]\nname = "{LABEL}"')
        for owner, side in OWNERS.items():
            lines.append(f"[features.{owner}]")
            for feature in (feature for found, feature in self._of.fields if found == side):
                numeric = f'{{ kind = "numeric", transform = "{feature.transform.value}" }}'
                told = numeric if feature.kind is Kind.NUMERIC else '"categorical"'
                lines.append(f"{feature.name} = {told}")
        lines.append(f'[algorithm]\nname = "{name}"\n[algorithm.parameters]')
        lines += [f"{key} = {value}" for key, value in choice["parameters"].items()]
        lines.append(f"[encoding]\nminimum_count = {choice['minimum_count']}")
        lines.append(f"[evaluation]\nholdout = {HOLDOUT}\nseed = {SEED}\nalone = false")
        return "\n".join(lines) + "\n"


def compared(data, entry, names):
    """One line per algorithm."""
    models = {name: entry["algorithms"][name]["models"]["joint"] for name in names or entry["algorithms"]}
    with tempfile.TemporaryDirectory(prefix="confide-quality-") as place:
        for name, told, parity in Shared(Path(place) / "parties", data).run(models):
            by_quality = models[name]["by_seed"][0]
            yield {
                "data": data.name,
                "algorithm": name,
                "told_to_a": {figure: told[figure] for figure in ("auc", "logloss")},
                "by_quality.py": by_quality,
                "rows_held_out": told["rows_held_out"],
                "identical": parity["identical"],
                "predictions_differ_at_most": parity["predictions"],
                "same_figures": all(
                    math.isclose(told[one], by_quality[one], rel_tol=LAST_BITS) for one in by_quality
                ),
            }


def main():
    asked = data_options(__doc__)
    asked.add_argument("--quality", type=Path, required=True, metavar="FILE")
    asked.add_argument("--only", nargs="+", metavar="ALGORITHM")
    given = asked.parse_args()
    entries = {entry["data"]: entry for entry in json.loads(given.quality.read_bytes())}
    same = True
    for data in data_of(given):
        if not data.refit:
            asked.error(f"{data.name} has splits of its own; `confide parity` compares random ones only")
        for line in compared(data, entries[data.name], given.only):
            same &= line["identical"] and line["same_figures"]
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
