"""`make demo`: the main job end to end, told in plain words."""

import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from rich.console import Console

from confide_sim.demo import files
from confide_sim.demo.children import Children, DemoFailed, children, program
from confide_sim.demo.files import AUTHORITY, INITIATOR, PLATFORM, PROVIDER
from confide_sim.demo.summary import summarise, tell
from confide_sim.impressions import Impressions, generate

MAX_SOCKET_PATH = 90
"""A Unix socket's path may have 107 bytes (unix(7)); the machine adds a file name to its folder's."""
MARKER = "made-by-confide-demo"


class Story:
    """One run of the demo in `base`."""

    def __init__(self, base: Path, rows: int, console: Console) -> None:
        self._base, self._rows, self._console = base, rows, console
        self._step = 0

    def run(self) -> float:
        """Returns the seconds it took. Raises DemoFailed."""
        started = time.monotonic()
        self._prepare_folders()
        passphrases = {
            owner: secrets.token_urlsafe(16) for owner in (AUTHORITY, PLATFORM, INITIATOR, PROVIDER)
        }
        with children(self._base, passphrases) as running, tempfile.TemporaryDirectory() as short:
            self._identities(running)
            later_clicks = self._data(running)
            self._platform(running, Path(short))
            self._task(running)
        seconds = time.monotonic() - started
        summary = summarise(self._base, seconds, later_clicks)
        tell(self._console, self._base, summary)
        return seconds

    def _say(self, text: str) -> None:
        self._step += 1
        self._console.print(f"\n[bold]{self._step}. {text}[/]", highlight=False)

    def _line(self, text: str) -> None:
        self._console.print(f"   {text}", highlight=False, soft_wrap=True)

    def _prepare_folders(self) -> None:
        """An earlier demo's folder is replaced; anything else is left alone."""
        if self._base.exists() and not (self._base / MARKER).exists():
            raise FileExistsError(f"{self._base} exists and is not of an earlier demo")
        shutil.rmtree(self._base, ignore_errors=True)
        for owner in (AUTHORITY, PLATFORM, INITIATOR, PROVIDER):
            (self._base / owner).mkdir(parents=True)
        (self._base / MARKER).touch()

    def _identities(self, running: Children) -> None:
        self._say("A CA, and three identities whose keys never leave their owners (RSA-4096)")
        running.run(AUTHORITY, "confide", "ca", "init", "--dir", ".", "--name", "demo-ca")
        requests = {
            INITIATOR: ["--role", "party"],
            PROVIDER: ["--role", "party"],
            PLATFORM: ["--role", "platform", "--host", "127.0.0.1"],
        }
        asked = [
            running.start(name, "confide", "identity", "request", "--name", name, "--dir", "identity", *more)
            for name, more in requests.items()
        ]
        if any(process.wait() for process in asked):
            raise DemoFailed(f"an identity could not be requested; see the logs below {self._base}")
        for name in requests:
            certificate = self._base / name / "certificate.pem"
            request = self._base / name / "identity" / "request.pem"
            running.run(
                AUTHORITY, "confide", "ca", "issue", str(request), "--dir", ".", "--out", str(certificate)
            )
            ca = str(self._base / AUTHORITY / "ca.pem")
            running.run(
                name, "confide", "identity", "install", "certificate.pem", "--ca", ca, "--dir", "identity"
            )
            self._line(f"{name}: certificate issued by demo-ca")

    def _data(self, running: Children) -> Path:
        self._say(
            f"{self._rows:,} generated impressions, split by columns between {INITIATOR} and {PROVIDER}"
        )
        made = generate(self._base / "generated", rows=self._rows, later_rows=self._rows // 10)
        self._hand_out(made)
        jobs = {}
        for name, text in files.SCHEMAS.items():
            (self._base / name / "schema.toml").write_text(text)
            for source, out, more in (
                ("impressions.csv", "prepared", []),
                ("later.csv", "prepared-later", ["--without-label"]),
            ):
                running.run(
                    name, "confide", "data", "prepare", source, "--schema", "schema.toml", "--out", out, *more
                )
                jobs[name, out] = True
            self._line(f"{name}: prepared (what can't be read is quarantined, with reasons, and stays here)")
        return self._base / "what-happened-later.csv"

    def _hand_out(self, made: Impressions) -> None:
        """Each side gets its own files and nothing else; what happened later is nobody's input."""
        made.advertiser.rename(self._base / INITIATOR / "impressions.csv")
        made.advertiser_later.rename(self._base / INITIATOR / "later.csv")
        made.publisher.rename(self._base / PROVIDER / "impressions.csv")
        made.publisher_later.rename(self._base / PROVIDER / "later.csv")
        made.clicks_later.rename(self._base / "what-happened-later.csv")
        (self._base / "generated").rmdir()

    def _platform(self, running: Children, short: Path) -> None:
        self._say("A SIMULATED TEE machine, its PCCS, and the platform's host")
        machine_folder = self._machine_folder(short)
        machine = running.start_service(PLATFORM, "confide-sim", "machine", "--dir", str(machine_folder))
        pccs = running.start_service(PLATFORM, "confide-sim", "pccs", "--dir", str(machine_folder))
        files.write_platform(self._base / PLATFORM, program("confide-sim"), machine["machine"])
        host = running.start_service(PLATFORM, "confide", "platform", "serve", "--format", "json")
        self._line(f"host ready at {host['result']['address']}; trust root {machine['root_name']}")
        for name in (INITIATOR, PROVIDER):
            measurement = running.run(name, "confide-sim", "measure").strip()
            shutil.copy(machine["root"], self._base / name / "simulated-root.pem")
            files.write_party(
                self._base / name,
                address=host["result"]["address"],
                measurement=measurement,
                pccs=pccs["url"],
            )
        self._line("both parties computed the measurement of the enclave's software themselves")

    def _machine_folder(self, short: Path) -> Path:
        """Its sockets need a short path: through a link, where the demo's own folder is too deep."""
        folder = self._base / PLATFORM / "machine"
        if len(str(folder)) <= MAX_SOCKET_PATH:
            return folder
        folder.mkdir()
        link = short / "machine"
        link.symlink_to(folder)
        return link

    def _task(self, running: Children) -> None:
        (self._base / PROVIDER / "consent.toml").write_text(files.CONSENT)
        (self._base / INITIATOR / "train.toml").write_text(files.TASK)
        (self._base / INITIATOR / "predict.toml").write_text(files.PREDICTION)
        provider = running.start(
            PROVIDER, "confide", "provider", "serve", "--consent", "consent.toml", "--tasks", "1"
        )
        self._say(f"{INITIATOR} proposes; {PROVIDER} follows its consent policy; the enclave does the work")
        self._console.print(f"   {INITIATOR}$ confide task train train.toml --then predict.toml\n")
        running.follow(INITIATOR, "confide", "task", "train", "train.toml", "--then", "predict.toml")
        output, _ = provider.communicate(timeout=60)
        (self._base / PROVIDER / "confide-provider.out").write_bytes(output)
        if provider.returncode:
            raise subprocess.CalledProcessError(provider.returncode, "confide provider serve", output)
