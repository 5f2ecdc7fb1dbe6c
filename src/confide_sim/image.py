"""What a SIMULATED enclave is made of, and its measurement: SHA-256 over the canonical manifest of its files.

Measured: the enclave's part of Confide, every installed distribution that it may load, the interpreter with
its standard library, what the interpreter runs at start-up (.pth, sitecustomize), and the entry point.
Not measured, as on real hardware: arguments, environment, standard input. The configuration that comes on
standard input is bound into the evidence by its hash; the others must decide nothing. Bytecode is neither
measured nor read (admission.py). A module that a measured library would load if only it were installed is
measured where it is known (OPTIONAL); a real loader goes further and opens no file that its manifest does
not list.
"""

import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata  # noqa: TID251 - reads what is installed; loads nothing
from pathlib import Path
from typing import Final

import confide
from confide.core import canonical

ENTRY: Final = ("-m", "confide.app.enclave")
"""Interpreter arguments of the product's enclave. Another entry is another measurement."""

PACKAGES: Final = (
    "core",
    "crypto",
    "protocol",
    "attestation",
    "data",
    "algorithms",
    "session",
    "enclave",
    "transport",
)
MODULES: Final = ("__init__.py", "app/__init__.py", "app/allocation.py", "app/enclave*.py", "app/system.py")
EXCLUDED: Final = ("data/readers", "data/prepare", "data/inspect")
"""Forbidden to the enclave by the import contract "tcb" (.importlinter), directly or by what they import."""
OUTSIDE: Final = frozenset({"rich", "typer"})
"""Dependencies of Confide that only the command line loads."""
OPTIONAL: Final = ("grpcio-tools", "grpcio-health-checking", "grpcio-reflection", "cloudpickle", "optuna")
"""Not required, but loaded where found: by gRPC, by Arrow, and by the enclave to tune by 'tpe'."""

LIBRARY_ONLY: Final = frozenset({"lightgbm"})
"""Not imported: their shared library is loaded (algorithms/lightgbm_library.py), not what they require."""

_UNLOADED: Final = frozenset({"__pycache__", "site-packages", "dist-packages", "test", "tests", "ensurepip"})
_INSTALLER_FILES: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
_REQUIREMENT: Final = re.compile(r"^[A-Za-z0-9._-]+")
_HASHERS: Final = 4
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOADABLE: Final = frozenset({".py", ".so"})


@dataclass(frozen=True, slots=True)
class Image:
    """The manifest: entry, interpreter, and name → SHA-256 (hexadecimal) of every file."""

    entry: tuple[str, ...]
    python: str
    files: dict[str, str]

    @property
    def measurement(self) -> str:
        """What becomes MRENCLAVE: 64 hexadecimal characters."""
        document = {
            "format": "confide-image/1",
            "entry": list(self.entry),
            "python": self.python,
            "files": self.files,
        }
        return hashlib.sha256(canonical.encode(document)).hexdigest()


class FileDigests:
    """SHA-256 of files, read again whenever the file system says that one has changed.

    The change time can't be set by a program, so a file whose identity, size and times are those of before
    has the bytes of before. Saves about a second (350 MiB) at every launch after the first.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], str] = {}

    def of(self, path: Path) -> str:
        """64 hexadecimal characters. Raises OSError."""
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
            if key not in self._known:
                self._known[key] = hashlib.file_digest(file, "sha256").hexdigest()
            return self._known[key]


def measure(entry: Sequence[str] = ENTRY, digests: FileDigests | None = None) -> Image:
    """Read and hash every file of the image as installed for the running interpreter.

    Raises OSError for a file that is listed but unreadable: an image with a hole has no measurement.
    """
    paths = dict(_paths())
    names = sorted(paths)
    with ThreadPoolExecutor(_HASHERS) as pool:
        values = pool.map((digests or FileDigests()).of, (paths[name] for name in names))
        files = dict(zip(names, values, strict=True))
    return Image(tuple(entry), sys.version, files)


def _paths() -> Iterator[tuple[str, Path]]:
    yield from _product()
    for name in sorted(_closure((*_runtime_requirements(), *OPTIONAL))):
        yield from _distribution(name)
    yield from _interpreter()


def _product() -> Iterator[tuple[str, Path]]:
    root = Path(confide.__file__).parent
    excluded = tuple(root / name for name in EXCLUDED)
    found = [path for package in PACKAGES for path in _walk(root / package)]
    found += [path for pattern in MODULES for path in root.glob(pattern)]
    for path in found:
        if not any(other in (path.with_suffix(""), *path.parents) for other in excluded):
            yield f"confide/{path.relative_to(root).as_posix()}", path


def _walk(root: Path) -> Iterator[Path]:
    """Files below `root`, without bytecode and without what is not imported at run time."""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _UNLOADED]
        yield from (Path(folder, name) for name in names)


def _runtime_requirements() -> list[str]:
    names = requirements("confide")
    return [name for name in names if name not in OUTSIDE]


def requirements(name: str) -> list[str]:
    """Names that an installed distribution requires; extras are left out. Raises PackageNotFoundError."""
    lines = (line for line in metadata.distribution(name).requires or () if "extra ==" not in line)
    return [match[0].lower().replace("_", "-") for line in lines if (match := _REQUIREMENT.match(line))]


def _closure(names: Iterable[str]) -> set[str]:
    """`names` and all that they require, as far as it is installed (markers may exclude some)."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            required = requirements(name)
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        waiting += [] if name in LIBRARY_ONLY else required
    return found


def _distribution(name: str) -> Iterator[tuple[str, Path]]:
    """Every file of an installed distribution's RECORD; its content is hashed anew, RECORD proves nothing."""
    for file in metadata.distribution(name).files or ():
        installer_file = file.name in _INSTALLER_FILES and ".dist-info" in file.parts[0]
        if not installer_file and file.suffix != ".pyc" and ".." not in file.parts:
            yield f"{name}/{file.as_posix()}", Path(str(file.locate()))


def _interpreter() -> Iterator[tuple[str, Path]]:
    yield "python/executable", Path(sys.executable).resolve()
    library = Path(sysconfig.get_config_var("LIBDIR") or "/") / (sysconfig.get_config_var("LDLIBRARY") or "")
    if library.suffix == ".so" or ".so." in library.name:
        yield "python/library", library
    for kind in ("stdlib", "platstdlib"):
        root = Path(sysconfig.get_path(kind))
        for path in _walk(root):
            if path.suffix in _LOADABLE:
                yield f"python/stdlib/{path.relative_to(root).as_posix()}", path
    for kind in ("purelib", "platlib"):
        yield from _startup(Path(sysconfig.get_path(kind)))


def _startup(packages: Path) -> Iterator[tuple[str, Path]]:
    """What the interpreter runs before the entry point: path files, the modules they name, customisations."""
    path_files = sorted(packages.glob("*.pth"))
    named = {word for path in path_files for word in _WORD.findall(path.read_text(encoding="utf-8"))}
    yield from ((f"python/startup/{path.name}", path) for path in path_files)
    for name in sorted(named | {"sitecustomize", "usercustomize"}):
        module = packages / f"{name}.py"
        for path in [module] if module.is_file() else _walk(packages / name):
            yield f"python/startup/{path.relative_to(packages).as_posix()}", path
