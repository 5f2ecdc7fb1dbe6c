"""`confide-sim`: the SIMULATED machine, its PCCS, and the loader. Absent from production installs."""

import json
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from confide.app.system import SystemClock, SystemRandomness
from confide.cli.groups import HELP_OPTIONS, Group, VersionOption
from confide.cli.output import Format, OutputFormat
from confide.core.errors import ConfideError

app = typer.Typer(
    name="confide-sim",
    cls=Group,
    help="SIMULATED trusted execution environment. Protects nothing; never install it in production.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": HELP_OPTIONS},
)


@app.callback()
def confide_sim(*, version: VersionOption = False) -> None:
    pass


Directory = Annotated[Path, typer.Option("--dir", help="Folder of the simulated machine.")]


@app.command("demo")
def demo_command(
    out: Annotated[Path, typer.Option(help="Folder that the demo leaves.")] = Path("demo-run"),
    rows: Annotated[int, typer.Option(min=1_000, help="Impressions to train on.")] = 200_000,
) -> None:
    """Run the main job end to end, in seven processes here."""
    import subprocess

    from rich.console import Console

    from confide_sim.demo.children import DemoFailed
    from confide_sim.demo.story import Story

    console = Console()
    try:
        seconds = Story(out.resolve(), rows, console).run()
    except (DemoFailed, FileExistsError, subprocess.SubprocessError) as error:
        console.print(f"\nDEMO FAILED\n{error}", style="red", markup=False)
        sys.exit(1)
    console.print(f"\n[bold green]DEMO OK in {seconds:.1f} s[/]", highlight=False)


@app.command("impressions")
def impressions_command(
    out: Annotated[Path, typer.Option(help="Folder for the generated files.")],
    rows: Annotated[int, typer.Option(min=100, help="Impressions to train on.")] = 200_000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other impressions.")] = 7,
) -> None:
    """Generate advertising impressions to try things with.

    Split by columns between an advertiser and a publisher.
    """
    from confide_sim import impressions

    made = impressions.generate(out, rows=rows, later_rows=rows // 10, seed=seed)
    for path in (made.advertiser, made.publisher, made.advertiser_later, made.publisher_later):
        typer.echo(str(path))


@app.command("machine")
def machine_command(directory: Directory) -> None:
    """Run a simulated machine, until SIGTERM or Ctrl-C.

    Prints one JSON line when it is ready.
    """
    from confide_sim import machine

    machine.serve(
        directory,
        clock=SystemClock(),
        randomness=SystemRandomness(),
        announce=_announce,
        stop=_stop_at_signal(),
    )


@app.command("pccs")
def pccs_command(
    directory: Directory,
    port: Annotated[int, typer.Option(help="Loopback port; 0 takes a free one.", min=0, max=65535)] = 0,
) -> None:
    """Serve that machine's collateral over HTTP, as a PCCS does.

    Prints one JSON line when it is ready.
    """
    from confide_sim import pccs

    pccs.serve(directory, port, announce=_announce, stop=_stop_at_signal())


@app.command("launch")
def launch_command(
    machine_socket: Annotated[Path, typer.Option("--machine", help="The machine's socket.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="Passed on to the enclave.")] = None,
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="A debug enclave: every verifier refuses it.")
    ] = False,
) -> None:
    """Become Confide's enclave on a simulated machine.

    As `gramine-sgx` or `occlum run` would on a real one.
    """
    from confide_sim.launch import launch

    launch(machine_socket, arguments or [], debug=debug)


@app.command("measure")
def measure_command(
    output: OutputFormat = Format.TEXT,
) -> None:
    """Print the measurement of an enclave of this software.

    For a party's attestation policy.
    """
    from confide_sim import image

    measured = image.measure()
    if output is Format.JSON:
        _announce({"measurement": measured.measurement, "files": len(measured.files)})
    else:
        typer.echo(measured.measurement)


@app.command("sbom")
def sbom_command(
    out: Annotated[Path | None, typer.Option(help="The new file; default: standard output.")] = None,
) -> None:
    """Write a bill of materials of what the measurement covers.

    CycloneDX 1.6: files, versions, licences.
    """
    from confide_sim import image, sbom

    document = sbom.describe(image.measure()).encode()
    if out is None:
        typer.echo(document)
        return
    with out.open("xb") as file:
        file.write(document)


def main() -> None:
    """Entry point of `confide-sim`."""
    try:
        app()
    except ConfideError as error:
        typer.echo(f"{error.code} {error.message}\n{error.remedy}", err=True)
        sys.exit(error.exit_code)


def _announce(line: dict[str, Any]) -> None:
    typer.echo(json.dumps(line))
    sys.stdout.flush()


def _stop_at_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
