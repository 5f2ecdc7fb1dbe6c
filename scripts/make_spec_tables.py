"""Write the generated parts of spec/protocol.md: messages, transitions, diagrams, limits. `--check` compares.

Each part stands between `<!-- begin generated: NAME -->` and `<!-- end generated: NAME -->`.
"""

import argparse
import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from confide.core import limits
from confide.protocol import messages
from confide.protocol.kinds import WITH_PAYLOAD, Kind
from confide.protocol.roles import Role
from confide.protocol.table import ROWS, TERMINAL, Row, State, phase_of

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "spec" / "protocol.md"

LIMITS = (
    "LATEST_TIME",
    "MAX_PARTICIPANTS",
    "MAX_COLUMNS",
    "MAX_NAME_LENGTH",
    "MAX_CANONICAL_BYTES",
    "MAX_MANIFEST_BYTES",
    "MAX_RECEIPT_BYTES",
    "MAX_CONFIG_BYTES",
    "MAX_EVIDENCE_BYTES",
    "MAX_QUOTE_BYTES",
    "MAX_COLLATERAL_BYTES",
    "MAX_CERTIFICATE_BYTES",
    "MAX_SEALED_SECRET_BYTES",
    "MAX_BLOCKS",
    "MAX_BLOCK_ROWS",
    "MAX_BLOCK_BYTES",
    "MAX_DATASET_ROWS",
    "TURN_ROWS",
    "MAX_MESSAGE_BYTES",
    "ENVELOPE_PIECE_BYTES",
    "MAX_MESSAGES_PER_EPOCH",
    "MAX_EPOCH",
    "RESULT_PART_BYTES",
    "MAX_RESULT_PARTS",
    "MAX_CHANNELS",
    "MAX_CHANNELS_OF_PARTY",
    "CHANNEL_BURST",
    "CHANNEL_SECONDS",
    "ATTEST_BURST",
    "ATTEST_SECONDS",
    "MAX_RETRIES",
    "MAX_BLOCK_MISMATCHES",
    "MAX_REJOINS",
    "MAX_TAKEOVERS",
    "MAX_ROUNDS",
    "CHECKPOINT_SECONDS",
    "NONCE_BYTES",
    "NONCE_LIFETIME",
    "INTERSECTION_SECONDS",
    "IDLE_SECONDS",
    "MAX_IDLE_SECONDS",
    "HARDWARE_SECONDS",
    "REJOIN_PAUSE_SECONDS",
    "LAST_WORD_SECONDS",
    "STALL_SECONDS",
    "CLOCK_SKEW_SECONDS",
    "IDENTITY_DAYS",
    "ENCLAVE_CERTIFICATE_DAYS",
)


def message_table() -> str:
    """One row per message: name, who says it to whom, fields, payload, meaning."""
    lines = ["| message | from → to | fields | payload | meaning |", "|---|---|---|---|---|"]
    for node in _message_classes():
        kind = getattr(messages, node.name).kind
        fields = ", ".join(f"`{name}`: {text}" for name, text in _fields(node)) or "none"
        payload = "yes" if kind in WITH_PAYLOAD else "no"
        meaning = _meaning(" ".join((ast.get_docstring(node) or "").split()))
        lines.append(f"| `{kind}` | {_direction(kind)} | {_cell(fields)} | {payload} | {_cell(meaning)} |")
    return "\n".join(lines)


def transition_table() -> str:
    """Every row of protocol/table.py; those of ABORT as one line."""
    lines = [
        "| channel | state | speaker | message | next state | phase after |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_transition(row) for row in ROWS if row.kind is not Kind.ABORT]
    count = len({row.state for row in ROWS if row.kind is Kind.ABORT})
    lines.append(
        f"| A, B | any of the {count} states after `{State.UNVERIFIED}` that are not final | P or C "
        f"| `{Kind.ABORT}` | {State.ABORTED} | {phase_of(State.ABORTED)} |"
    )
    return "\n".join(lines)


def phase_table() -> str:
    """Which states belong to which phase."""
    phases: dict[str, list[str]] = {}
    for state in State:
        phases.setdefault(phase_of(state), []).append(state)
    lines = ["| phase | states |", "|---|---|"]
    lines += [f"| {phase} | {', '.join(states)} |" for phase, states in phases.items()]
    return "\n".join(lines)


def diagram(channel: Role) -> str:
    """A Mermaid state diagram of one kind of channel. ABORT is left out: it leads from everywhere."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.UNVERIFIED}"]
    for row in ROWS:
        if channel.name in row.on and row.kind is not Kind.ABORT:
            speaker = "C" if row.speaker == "C" else channel.name
            lines.append(f"    {row.state} --> {row.after}: {speaker} {row.kind}")
    lines += [f"    {State.CLOSED} --> [*]", "```"]
    return "\n".join(lines)


def limit_table() -> str:
    """The limits that the protocol's readers need, with their values."""
    lines = ["| limit | value |", "|---|---|"]
    lines += [f"| `{name}` | {getattr(limits, name):,} |" for name in LIMITS]
    return "\n".join(lines)


PARTS: dict[str, Callable[[], str]] = {
    "messages": message_table,
    "transitions": transition_table,
    "phases": phase_table,
    "diagram A": lambda: diagram(Role.A),
    "diagram B": lambda: diagram(Role.B),
    "limits": limit_table,
}


def fill(text: str) -> str:
    """`text` with every generated part replaced. Raises ValueError when a part is missing."""
    for name, make in PARTS.items():
        begin, end = f"<!-- begin generated: {name} -->", f"<!-- end generated: {name} -->"
        pattern = re.compile(f"{re.escape(begin)}\n.*?{re.escape(end)}", re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ValueError(f"there is not exactly one part '{name}'")
        # A function: backslashes of the new text are not group references.
        filled = f"{begin}\n{make()}\n{end}"
        text = pattern.sub(lambda _, filled=filled: filled, text)
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    old = TARGET.read_text(encoding="utf-8")
    new = fill(old)
    if not parser.parse_args().check:
        TARGET.write_text(new, encoding="utf-8")
    elif new != old:
        print("spec/protocol.md is out of date; run scripts/make_spec_tables.py", file=sys.stderr)
        raise SystemExit(1)


def _message_classes() -> Iterator[ast.ClassDef]:
    """Classes of protocol/messages.py that are messages, in the order of the file."""
    for node in ast.parse(Path(messages.__file__).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Message" for base in node.bases):
            yield node


def _meaning(text: str) -> str:
    """Without "C to A: ", which the table's second column says."""
    text = re.sub(r"^(?:[ABCP] to (?:[ABCP]|all)|Either way, at any time)[:.,] ", "", text)
    return text[:1].upper() + text[1:]


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.target.id != "kind":
            yield item.target.id, _type_text(item.annotation)


def _type_text(annotation: ast.expr) -> str:
    """The annotation without the bounds of Annotated[…]."""

    class Bare(ast.NodeTransformer):
        def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
            self.generic_visit(node)
            if ast.unparse(node.value) == "Annotated" and isinstance(node.slice, ast.Tuple):
                return node.slice.elts[0]
            return node

    return ast.unparse(Bare().visit(annotation))


def _direction(kind: Kind) -> str:
    if kind is Kind.ABORT:
        return "either way"
    rows = [row for row in ROWS if row.kind is kind]
    parties = sorted({letter for row in rows for letter in row.on})
    listed = ", ".join(parties)
    return f"C → {listed}" if rows[0].speaker == "C" else f"{listed} → C"


def _transition(row: Row) -> str:
    phase = phase_of(row.after)
    turned = f"**{phase}**" if phase is not phase_of(row.state) else str(phase)
    after = f"{row.after} (final)" if row.after in TERMINAL else str(row.after)
    return f"| {', '.join(row.on)} | {row.state} | {row.speaker} | `{row.kind}` | {after} | {turned} |"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    main()
