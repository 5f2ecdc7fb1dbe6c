"""The configuration files of the demo, as three companies would write them."""

import json
from pathlib import Path

INITIATOR, PROVIDER, PLATFORM, AUTHORITY = "shop", "media", "cloud", "ca"

SCHEMAS = {
    INITIATOR: """\
[id]
name = "impression"
type = "integer"
[label]
name = "click"
[columns]
campaign = "categorical"
category = "categorical"
format = "categorical"
bid = "numeric"
hour = "categorical"
""",
    PROVIDER: """\
[id]
name = "impression"
type = "integer"
[columns]
interest = "categorical"
placement = "categorical"
region = "categorical"
visits = "categorical"
dwell = "numeric"
""",
}

TASK = """\
name = "clicks"
purpose = "click prediction for the shop's campaigns"
dataset = "prepared"
providers = ["media"]
release_held_out = true

[id]
name = "impression"
type = "integer"

[label]
name = "click"

[features.shop]
campaign = "categorical"
category = "categorical"
format = "categorical"
bid = { kind = "numeric", transform = "standard" }
hour = "categorical"

[features.media]
interest = "categorical"
placement = "categorical"
region = "categorical"
visits = "categorical"
dwell = { kind = "numeric", transform = "standard" }

[algorithm]
name = "afm"
parameters = { epochs = 3 }

[evaluation]
holdout = 0.2
seed = 1
validation = 0.1
lift = true
importance = 3
thresholds = [0.1, 0.2, 0.3]
groups = { column = "shop.format", values = ["fmt-000", "fmt-001", "fmt-002"] }

[gate]
membership_advantage = 0.3
leakage_auc = 0.95

[statistics]
minimum_rows = 50
figures = ["missing", "cardinality", "mean", "quantiles", "label-correlation", "drift"]
"""

PREDICTION = """\
name = "clicks-later"
purpose = "click prediction for the shop's campaigns"
dataset = "prepared-later"

[statistics]
minimum_rows = 50
figures = ["drift"]
"""

CONSENT = """\
[[allow]]
initiator = "shop"
kind = "train"
purpose = "click prediction for the shop's campaigns"
columns = ["interest", "placement", "region", "visits", "dwell"]
releases = ["model", "metrics", "lift-report", "feature-importance", "held-out-predictions", "statistics"]
predictions = 1
minimum_rows = 50

[allow.statistics]
interest = ["missing", "cardinality", "label-correlation", "drift"]
placement = ["missing", "cardinality", "label-correlation", "drift"]
region = ["missing", "cardinality", "label-correlation", "drift"]
visits = ["missing", "cardinality", "label-correlation", "drift"]
dwell = ["missing", "mean", "quantiles", "label-correlation", "drift"]

[[allow]]
initiator = "shop"
kind = "predict"
purpose = "click prediction for the shop's campaigns"
columns = ["interest", "placement", "region", "visits", "dwell"]
data = "prepared-later"
releases = ["predictions", "statistics"]
minimum_rows = 50

[allow.statistics]
interest = ["drift"]
placement = ["drift"]
region = ["drift"]
visits = ["drift"]
dwell = ["drift"]
"""


def write_platform(folder: Path, launcher: str, machine_socket: str) -> None:
    """platform.toml of the host: which command starts an enclave here."""
    store = folder.resolve() / "store"
    store.mkdir(mode=0o700, exist_ok=True)
    # Enclaves leave what was sent to them there, sealed, for the one that takes their place if they die.
    command = json.dumps([launcher, "launch", "--machine", machine_socket, "--", "--store", str(store)])
    text = f'address = "127.0.0.1:0"\n\n[launcher]\ncommand = {command}\n'
    (folder / "platform.toml").write_text(text)


def write_party(folder: Path, *, address: str, measurement: str, pccs: str) -> None:
    """confide.toml of a party: where the platform is, and which enclaves may see our data."""
    text = f"""\
[platform]
address = "{address}"

[attestation]
# A SIMULATED machine: it protects nothing. Named here on purpose; nothing trusts it by default.
roots = ["simulated-root.pem"]
mrenclave = ["{measurement}"]
pccs = "{pccs}"

[data]
train = "prepared"
predict = "prepared-later"
"""
    (folder / "confide.toml").write_text(text)
