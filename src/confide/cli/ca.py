"""`confide ca`: the common CA, for whoever runs it."""

from pathlib import Path
from typing import Annotated

import typer

from confide.app import ca
from confide.app.identity import read_public, write_public
from confide.app.system import SystemClock, SystemRandomness
from confide.cli.output import Format, OutputFormat, show
from confide.cli.passphrase import ask_passphrase
from confide.crypto.certificates import certificate_fingerprint
from confide.crypto.keys import KeyKind
from confide.crypto.wiping import wiped

app = typer.Typer(no_args_is_help=True)

Directory = Annotated[Path, typer.Option("--dir", help="The CA's directory.")]


@app.command()
def init(
    *,
    directory: Directory,
    name: Annotated[str, typer.Option(help="The CA's name, as certificates will show it.")] = "confide-ca",
    key: Annotated[KeyKind, typer.Option(help="The kind of key.")] = KeyKind.RSA_4096,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Make a new CA: its encrypted key, and its certificate for all."""
    with wiped(ask_passphrase("the new CA key", confirm=True)) as passphrase:
        certificate = ca.create_ca(
            directory,
            name,
            kind=key,
            passphrase=passphrase,
            now=SystemClock().now(),
            randomness=SystemRandomness(),
        )
    path = directory / ca.CA_FILE
    fingerprint = certificate_fingerprint(certificate)
    text = (
        f"CA {name} is ready.\nGive this file to all: {path}\n"
        f"SHA-384 {fingerprint}\nThey compare it over another way."
    )
    show(output, text, {"name": name, "certificate": str(path), "fingerprint": fingerprint})


@app.command()
def issue(
    *,
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="The request.pem of whoever asks.")],
    directory: Directory,
    out: Annotated[Path, typer.Option(help="Where the certificate goes.")],
    output: OutputFormat = Format.TEXT,
) -> None:
    """Issue the certificate for a request.

    See first that it came from whom its name says.
    """
    data = read_public(request)
    with wiped(ask_passphrase("the CA key", confirm=False)) as passphrase:
        identity, certificate = ca.issue_certificate(
            directory,
            data,
            passphrase=passphrase,
            now=SystemClock().now(),
            randomness=SystemRandomness(),
        )
    write_public(out, certificate)
    text = f"Issued {identity.role.value} {identity.name}: {out}\nSHA-384 {identity.fingerprint}"
    result = {
        "name": identity.name,
        "role": identity.role.value,
        "certificate": str(out),
        "fingerprint": identity.fingerprint,
    }
    show(output, text, result)
