"""Shows a task as it goes: a line per event, a bar for what takes long."""

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from confide.app.events import Event
from confide.cli.output import SIMULATED_WARNING, plain

SHORT = 16
_SIGNS = "▁▂▃▄▅▆▇█"
_MOST_SIGNS = 32
_DECIDING = ("holdout_logloss", "holdout_rmse", "validation_logloss", "validation_rmse")


class Follower:
    """A listener for one task. A context manager: the bar ends with it."""

    def __init__(self, console: Console, prefix: str = "") -> None:
        self._console = console
        self._prefix = prefix
        self._progress = Progress(
            TextColumn("  {task.description:<22}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._bars: dict[str, TaskID] = {}
        self._tenths: dict[str, int] = {}
        self._losses: dict[str, list[float]] = {}

    def __call__(self, event: Event) -> None:
        if event.name == "progress":
            self._advance(event.facts)
            return
        line = _line(event)
        if line:
            self._console.print(self._prefix + line, highlight=False, soft_wrap=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def _advance(self, facts: dict[str, Any]) -> None:
        stage, figures = facts["stage"], _figures(facts["metrics"])
        figures = f"{figures} {self._curve(stage, facts['metrics'])}".rstrip()
        if not self._console.is_terminal:
            self._print_sparsely(stage, facts, figures)
            return
        if stage not in self._bars:
            self._bars[stage] = self._progress.add_task(stage, total=facts["total"], figures="")
        self._progress.update(
            self._bars[stage], completed=facts["done"], total=facts["total"], figures=figures
        )

    def _curve(self, stage: str, metrics: dict[str, float]) -> str:
        """The loss so far on rows that are not trained on, one sign per epoch."""
        losses = self._losses.setdefault(stage, [])
        losses += [metrics[name] for name in _DECIDING if name in metrics]
        return sparkline(losses) if len(losses) > 1 else ""

    def _print_sparsely(self, stage: str, facts: dict[str, Any], figures: str) -> None:
        """Where there is no terminal there is no bar: a line at most every tenth of the way."""
        tenth = 10 * facts["done"] // max(1, facts["total"])
        if tenth > self._tenths.get(stage, 0):
            self._tenths[stage] = tenth
            self._console.print(
                f"{self._prefix}  {stage} {10 * tenth}% {figures}", highlight=False, soft_wrap=True
            )


def sparkline(values: list[float]) -> str:
    """The last values, each as high as it lies between the least and the greatest of them."""
    shown = values[-_MOST_SIGNS:]
    low, high = min(shown), max(shown)
    steps = len(_SIGNS) - 1
    return "".join(_SIGNS[round((value - low) / (high - low or 1) * steps)] for value in shown)


def _figures(metrics: dict[str, float]) -> str:
    words = {
        "holdout_logloss": "held-out logloss",
        "validation_logloss": "validation logloss",
        "train_logloss": "logloss",
        "holdout_auc": "AUC",
        "validation_auc": "AUC",
    }
    shown = [f"{word} {metrics[name]:.4f}" for name, word in words.items() if name in metrics]
    return " ".join(shown[:2])


def short(digest: str) -> str:
    """The start of a digest, for people."""
    return digest[:SHORT] + "…"


def _line(event: Event) -> str:
    facts = event.facts
    match event.name:
        case "verified":
            return _verified(facts)
        case "agreed":
            name = "TrainBlock" if facts["kind"] == "train" else "PredictBlock"
            signers = ", ".join(facts["signers"])
            return f"[green]✓[/] agreed: {name} {short(facts['block'])} signed by {signers}"
        case "result":
            return f"[green]✓[/] {facts['kind']} received and checked: {facts['bytes']:,} bytes"
        case "enclave-ended":
            return (
                f"[green]✓[/] the enclave's process is gone (exit code {facts['exit_code']}): "
                f"signed by {facts['platform']}"
            )
        case "ended":
            return "" if facts["code"] is None else f"[red]✗[/] {facts['code']} {plain(facts['reason'])}"
    template = _TEMPLATES.get(event.name)
    return template.format(**_shown(facts)) if template else ""


_TEMPLATES = {
    "created": "• task {task} created at {platform}",
    "started": "• its enclave runs at {enclave}",
    "invited": "• {initiator} invites us to '{name}', task {task}",
    "not-reached": "[yellow]![/] its enclave was not reached, trying again: {reason}",
    "in-use": "[yellow]![/] {reason}; we look again in a while",
    "admitted": "• proposal admitted; asking the providers",
    "offered": "• offer received: {kind} '{task}'",
    "accepted": "[green]✓[/] accepted by {providers}",
    "intersecting": "• intersecting {ids:,} ids with {peer} ({protocol}, {run} of {runs})",
    "intersecting-again": "[yellow]![/] the intersection broke off ({reason}); trying again",
    "intersected": "[green]✓[/] ids intersected: {common} of our {ids:,} are common",
    "uploading": "• everybody holds the same task; sending sealed data",
    "wanted": "• data blocks wanted: {blocks:,}",
    "resending": "[yellow]![/] data blocks wanted again, as they did not match their digests: {blocks:,}",
    "channel-lost": "[yellow]![/] the channel was lost ({reason}); coming back to the same enclave",
    "not-back-yet": "[yellow]![/] not back yet, trying again: {reason}",
    "back": "[green]✓[/] the same enclave verified again in {steps} steps; going on",
    "fresh-enclave": "[green]✓[/] a fresh enclave takes its place, verified in {steps} steps; going on",
    "not-shown": "[yellow]![/] others may lack the receipt that we hold: {code} {reason}",
    "taken-up": "• taken up where we stood: {rounds} round(s) finished",
    "received": "[green]✓[/] {rows:,} rows received as committed",
    "finished": "[green]✓[/] finished",
    "receipt-signed": "[green]✓[/] receipt signed by {signers}",
    "no-end-record": "[yellow]![/] the host has not recorded the enclave's end",
}


def _shown(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        name: plain(", ".join(map(str, v))) if isinstance(v, list) else _safe(v) for name, v in facts.items()
    }


def _safe(value: Any) -> Any:
    return plain(value) if isinstance(value, str) else value


def _verified(facts: dict[str, Any]) -> str:
    claims = facts["claims"]
    lines = [f"[green]✓[/] enclave verified in {len(facts['steps'])} steps, before anything was sent:"]
    lines += [f"    [green]✓[/] {step}" for step in facts["steps"]]
    lines.append(f"    {claims['tee'].upper()}, measurement {short(claims['measurement'])}")
    root = f"    TCB {claims['tcb_status']}, trust root {claims['trust_root']}"
    lines.append(root)
    if claims["simulated"]:
        lines.append(f"    [bold yellow]{SIMULATED_WARNING}[/]")
    return "\n".join(lines)
