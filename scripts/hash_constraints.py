"""Write requirements-hashed.txt: every pin of constraints.txt with the SHA-256 of its wheels. Needs an index.

For CPython 3.11 to 3.13 on x86-64 Linux (manylinux). Use it with `pip install --require-hashes`: pip then
takes no other file than one that is listed. The hashes are those that the index served when this ran.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE, TARGET = ROOT / "constraints.txt", ROOT / "requirements-hashed.txt"
VERSIONS = ("3.11", "3.12", "3.13")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
HEAD = """\
# Written by scripts/hash_constraints.py from constraints.txt: wheels for CPython 3.11 to 3.13, x86-64 Linux.
# pip install --require-hashes --no-deps --only-binary :all: -r requirements-hashed.txt
"""


def resolve(version: str, report: Path) -> list[tuple[str, str, str]]:
    """(name, version, SHA-256) of what pip would install for one version of CPython."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    command += ["--no-deps", "--only-binary", ":all:", "--python-version", version, "--target", "nowhere"]
    for platform in PLATFORMS:
        command += ["--platform", platform]
    command += ["--report", str(report), "--requirement", str(SOURCE)]
    subprocess.run(command, check=True)  # noqa: S603 - fixed arguments
    found = json.loads(report.read_bytes())["install"]
    return [
        (
            entry["metadata"]["name"],
            entry["metadata"]["version"],
            entry["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for entry in found
    ]


def main() -> None:
    hashes: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for version in VERSIONS:
            for name, pinned, digest in resolve(version, Path(folder) / f"{version}.json"):
                hashes.setdefault(f"{name}=={pinned}", set()).add(digest)
    lines = [HEAD]
    for pin, digests in sorted(hashes.items(), key=lambda item: item[0].lower()):
        lines.append(
            " \\\n".join([pin, *(f"    --hash=sha256:{digest}" for digest in sorted(digests))]) + "\n"
        )
    TARGET.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
