"""spec/protocol.md says what the code does: generated parts, fields, codes, and headings that code cites."""

import re
import runpy
from pathlib import Path

import pytest

from confide.core import errors
from confide.core.enclave_config import EnclaveConfig
from confide.core.errors import ConfideError
from confide.protocol.blocks import EnclaveIdentity, PredictBlock, SignedBlock, TrainBlock
from confide.protocol.evaluation import Evaluation, Gate, Tuning
from confide.protocol.receipts import Receipt, ResultStatement
from confide.protocol.statistics import Statistics
from confide.protocol.terms import Algorithm, Consent, Intersection, Task

ROOT = Path(__file__).resolve().parents[2]
SPEC = (ROOT / "spec" / "protocol.md").read_text(encoding="utf-8")
GENERATOR = runpy.run_path(str(ROOT / "scripts" / "make_spec_tables.py"))
HEADINGS = set(re.findall(r"^#+ (.+)$", SPEC, re.MULTILINE))

DOCUMENTS = {
    "Task": Task,
    "Evaluation": Evaluation,
    "Tuning": Tuning,
    "Gate": Gate,
    "Statistics": Statistics,
    "Intersection": Intersection,
    "Algorithm": Algorithm,
    "Consent": Consent,
    "TrainBlock": TrainBlock,
    "EnclaveIdentity": EnclaveIdentity,
    "SignedBlock": SignedBlock,
    "ResultStatement": ResultStatement,
    "Receipt document": Receipt,
    "EnclaveConfig": EnclaveConfig,
}


def fields_in(heading):
    """First column of the first table under a heading."""
    section = re.split(r"^#+ ", SPEC.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


def fields_of(document):
    tag = document.__struct_config__.tag_field
    return [*([tag] if tag else []), *document.__struct_fields__]


def test_generated_parts_are_up_to_date():
    assert GENERATOR["fill"](SPEC) == SPEC, "run scripts/make_spec_tables.py"


@pytest.mark.parametrize("heading", DOCUMENTS)
def test_documents_are_described_field_by_field(heading):
    assert fields_in(heading) == fields_of(DOCUMENTS[heading])


def test_a_predict_block_has_two_more_fields_than_a_train_block():
    more = set(fields_of(PredictBlock)) - set(fields_of(TrainBlock))
    assert set(fields_in("PredictBlock")) == more


def test_the_codes_named_exist():
    codes = {error.code for error in vars(errors).values() if is_error(error)}
    assert set(re.findall(r"CFD-\d{3}", SPEC)) - codes == set()


def is_error(value):
    return isinstance(value, type) and issubclass(value, ConfideError)


def test_the_headings_that_code_cites_exist():
    cited = set()
    for path in (ROOT / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for group in re.findall(r'spec/protocol\.md, ((?:"[^"]+"(?:, )?)+)', text):
            cited |= {(path.name, title) for title in re.findall(r'"([^"]+)"', group)}
    assert cited
    missing = {
        (file, title) for file, title in cited if title not in HEADINGS and f"**{title}.**" not in SPEC
    }
    assert missing == set()
