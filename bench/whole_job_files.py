"""What both ways of doing the whole job share: the generated files, and the task as its parties write it."""

import generate_rows

from confide.core.features import Feature, Kind, Transform
from confide_sim.demo.files import INITIATOR, PROVIDER

PARTIES = {INITIATOR: "a", PROVIDER: "b"}
"""Who brings which of generate_rows.py's files."""
FIRST_ROWS = "encode, make the network, first rows"
"""Until the first report of the training."""
PURPOSE = "the whole job, measured"
SIZE = 16
"""K and T."""
HASH_BITS = 16
"""26 categorical fields of 65,537 indices each: with the buckets 1.7 million features."""
HOLDOUT = 0.02
SEED = 1
TEST_SEED = 1
"""Of the generator: other rows than those of training, by the same law."""
BOUNDARIES = (0.5, 1.5, 2.5, 4.5, 8.5, 16.5, 32.5, 64.5, 96.5, 128.5)
PARAMETERS = {"epochs": 1, "embedding_size": SIZE, "attention_size": SIZE}


def generate(folder, rows, test_rows):
    """The training and the test files, unless `folder` holds them already; all bytes of text."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {"train": (rows, 0), "test": (test_rows, TEST_SEED)}
    for name, (count, seed) in wanted.items():
        marker = folder / f"{name}.rows"
        if not marker.exists() or marker.read_text() != str(count):
            generate_rows.write(folder / name, count, seed)
            marker.write_text(str(count))
    return sum(path.stat().st_size for path in folder.glob("*/*.tsv"))


def features(party):
    """What the party brings into the task."""
    found = []
    for kind, at in generate_rows.fields_of(PARTIES[party]):
        name = f"{kind}{at:02}"
        if kind == "c":
            found.append(Feature(name=name, kind=Kind.CATEGORICAL))
        else:
            found.append(
                Feature(name=name, kind=Kind.NUMERIC, transform=Transform.BUCKETS, boundaries=BOUNDARIES)
            )
    return tuple(found)


def train_toml():
    lines = ['name = "whole job"', f'purpose = "{PURPOSE}"', 'dataset = "prepared"']
    lines += [f'providers = ["{PROVIDER}"]', '[id]\nname = "id"\ntype = "string"', '[label]\nname = "label"']
    for party in PARTIES:
        lines.append(f"[features.{party}]")
        for feature in features(party):
            if feature.kind is Kind.CATEGORICAL:
                lines.append(f'{feature.name} = "categorical"')
            else:
                numbers = f'{{ kind = "numeric", transform = "buckets", boundaries = {list(BOUNDARIES)} }}'
                lines.append(f"{feature.name} = {numbers}")
    lines += ['[algorithm]\nname = "afm"\n[algorithm.parameters]']
    lines += [f"{name} = {value}" for name, value in PARAMETERS.items()]
    lines += [f'[encoding]\nvocabulary = "hashed"\nbits = {HASH_BITS}']
    lines += [f"[evaluation]\nholdout = {HOLDOUT}\nseed = {SEED}\nalone = false"]
    return "\n".join(lines) + "\n"


def predict_toml():
    return f'name = "whole job, test"\npurpose = "{PURPOSE}"\ndataset = "prepared-later"\n'


def consent_toml():
    columns = [feature.name for feature in features(PROVIDER)]
    rule = f'[[allow]]\ninitiator = "{INITIATOR}"\npurpose = "{PURPOSE}"\ncolumns = {columns}\n'.replace(
        "'", '"'
    )
    return f'{rule}kind = "train"\npredictions = 1\n{rule}kind = "predict"\ndata = "prepared-later"\n'
