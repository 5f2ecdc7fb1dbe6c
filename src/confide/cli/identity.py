"""`confide identity`: a party's or platform's own key and certificate."""

from pathlib import Path
from typing import Annotated

import typer

from confide.app.identity import (
    CERTIFICATE_FILE,
    REQUEST_FILE,
    create_request,
    install_certificate,
    read_public,
)
from confide.app.system import SystemClock, SystemRandomness
from confide.cli.output import Format, OutputFormat, show
from confide.cli.passphrase import ask_passphrase
from confide.crypto.identity import IdentityRole
from confide.crypto.keys import KeyKind
from confide.crypto.wiping import wiped

app = typer.Typer(no_args_is_help=True)

Directory = Annotated[Path, typer.Option("--dir", help="The identity's directory.")]


@app.command()
def request(
    *,
    name: Annotated[str, typer.Option(help="Your name: a-z, 0-9 and '-'.")],
    directory: Directory,
    role: Annotated[IdentityRole, typer.Option(help="What you are.")] = IdentityRole.PARTY,
    key: Annotated[KeyKind, typer.Option(help="The kind of key.")] = KeyKind.RSA_4096,
    host: Annotated[
        list[str] | None, typer.Option(help="A DNS name or IP address of a platform; repeatable.")
    ] = None,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Make your key, encrypted, and a request for its certificate.

    The key never leaves this place.
    """
    with wiped(ask_passphrase(f"the new key of {name}", confirm=True)) as passphrase:
        create_request(
            directory,
            name,
            role=role,
            kind=key,
            hosts=host or (),
            passphrase=passphrase,
            randomness=SystemRandomness(),
        )
    path = directory / REQUEST_FILE
    show(
        output,
        f"Send this file to the CA: {path}",
        {"name": name, "role": role.value, "request": str(path)},
    )


@app.command()
def install(
    *,
    certificate: Annotated[
        Path, typer.Argument(metavar="CERTIFICATE", help="The certificate that the CA issued.")
    ],
    ca: Annotated[Path, typer.Option(help="The CA's own certificate (ca.pem).")],
    directory: Directory,
    output: OutputFormat = Format.TEXT,
) -> None:
    """Check that a certificate is for your key, and keep it.

    It must be from the CA, whose own certificate is kept, too.
    """
    identity = install_certificate(directory, read_public(certificate), read_public(ca), SystemClock().now())
    result = {
        "name": identity.name,
        "role": identity.role.value,
        "certificate": str(directory / CERTIFICATE_FILE),
        "fingerprint": identity.fingerprint,
    }
    text = f"You are {identity.role.value} {identity.name}.\nSHA-384 {identity.fingerprint}"
    show(output, text, result)
