"""One message of each kind, as scripts/protocol_examples.py makes them."""

import runpy
from pathlib import Path

_SCRIPT = runpy.run_path(str(Path(__file__).resolve().parents[2] / "scripts" / "protocol_examples.py"))
EXAMPLES = _SCRIPT["EXAMPLES"]
SIGNED = _SCRIPT["SIGNED"]
RECEIPT = _SCRIPT["RECEIPT"]
signed_receipt = _SCRIPT["signed_receipt"]
PUBLIC = _SCRIPT["PUBLIC"]
