"""A software bill of materials of what an enclave is made of: CycloneDX 1.6, JSON (https://cyclonedx.org).

The same files that `image.measure` hashes, grouped by where they come from: Confide, each installed
distribution with version, licence and requirements, the interpreter. The same image gives the same bytes.
"""

import base64
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib import metadata  # noqa: TID251 - reads what is installed; loads nothing
from typing import Any, Final, Literal

import msgspec

from confide.core import canonical
from confide.core.version import VERSION
from confide_sim import image
from confide_sim.image import Image

SPEC_VERSION: Final = "1.6"
_NAMESPACE: Final = uuid.UUID("7d3f6a52-0d5e-5d0c-9e0c-6f2f3f1d9a10")
"""Serial numbers are UUIDs of version 5 in this name space (RFC 9562), over the measurement."""
_ROOT, _PYTHON = "confide-enclave", "python"
_LICENCE_TEXT: Final = 64
"""Some distributions put the whole licence where its name belongs."""


class Hash(msgspec.Struct, frozen=True):
    """Of a file, or of the whole image."""

    alg: Literal["SHA-256"]
    content: str


class Property(msgspec.Struct, frozen=True):
    """What CycloneDX has no field for."""

    name: str
    value: str


class Component(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"bom_ref": "bom-ref"}):
    """A distribution, or a file of one."""

    type: str
    name: str
    bom_ref: str | None = None
    version: str | None = None
    purl: str | None = None
    hashes: tuple[Hash, ...] = ()
    licenses: tuple[dict[str, Any], ...] = ()
    properties: tuple[Property, ...] = ()
    components: tuple["Component", ...] = ()


class Dependency(msgspec.Struct, frozen=True, rename={"depends_on": "dependsOn"}):
    """What a component requires directly."""

    ref: str
    depends_on: tuple[str, ...]


class Bom(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The document."""

    bom_format: Literal["CycloneDX"] = "CycloneDX"
    spec_version: Literal["1.6"] = SPEC_VERSION
    serial_number: str
    version: int = 1
    metadata: dict[str, Component]
    components: tuple[Component, ...]
    dependencies: tuple[Dependency, ...]

    def encode(self) -> bytes:
        """Canonical JSON."""
        return canonical.encode(self)


def describe(measured: Image) -> Bom:
    """The bill of materials of an image of the running interpreter's installation."""
    groups = _grouped(measured.files)
    parts = [_component(name, files, measured) for name, files in sorted(groups.items())]
    names = {name for name in groups if name not in ("confide", _PYTHON)}
    return Bom(
        serial_number=f"urn:uuid:{uuid.uuid5(_NAMESPACE, measured.measurement)}",
        metadata={"component": _whole(measured)},
        components=tuple(parts),
        dependencies=tuple(_dependencies(names)),
    )


def _grouped(files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Distribution → its files."""
    groups: dict[str, dict[str, str]] = defaultdict(dict)
    for path, digest in files.items():
        group, _, name = path.partition("/")
        groups[group][name] = digest
    return groups


def _whole(measured: Image) -> Component:
    return Component(
        type="application",
        name=_ROOT,
        bom_ref=_ROOT,
        version=VERSION,
        hashes=(Hash("SHA-256", measured.measurement),),
        properties=(
            Property("confide:measurement", measured.measurement),
            Property("confide:entry", " ".join(measured.entry)),
        ),
    )


def _component(name: str, files: Mapping[str, str], measured: Image) -> Component:
    inside = tuple(
        Component(type="file", name=path, hashes=(Hash("SHA-256", digest),))
        for path, digest in sorted(files.items())
    )
    if name == _PYTHON:
        version = measured.python.partition(" ")[0]
        return Component(type="platform", name=name, bom_ref=name, version=version, components=inside)
    found = metadata.distribution(name)
    return Component(
        type="library",
        name=name,
        bom_ref=_purl(name),
        version=found.version,
        purl=_purl(name),
        licenses=_licences(found),
        properties=(Property("confide:record", _record(found, name, files)),),
        components=inside,
    )


def _purl(name: str) -> str:
    return f"pkg:pypi/{name}@{metadata.version(name)}"


def _licences(found: metadata.Distribution) -> tuple[dict[str, Any], ...]:
    """As the distribution declares: an SPDX expression (PEP 639), else the older fields' words."""
    fields = found.metadata
    if "License-Expression" in fields:
        return ({"expression": fields["License-Expression"]},)
    words = [
        classifier.rpartition(" :: ")[2]
        for classifier in fields.get_all("Classifier") or []
        if classifier.startswith("License ::")
    ]
    text = fields["License"].strip() if "License" in fields else ""
    if not words and text and "\n" not in text and len(text) <= _LICENCE_TEXT:
        words = [text]
    return tuple({"license": {"name": word}} for word in words)


def _record(found: metadata.Distribution, name: str, files: Mapping[str, str]) -> str:
    """Whether the installed files are those that the installer noted (PEP 376, RECORD)."""
    noted = {file.as_posix(): file.hash for file in found.files or () if file.hash}
    if name == "confide":
        return "not compared: the product's own files"
    differing = [
        path
        for path, digest in files.items()
        if (hash_of := noted.get(path)) is not None
        and (hash_of.mode != "sha256" or _hexadecimal(hash_of.value) != digest)
    ]
    return f"{len(differing)} files differ: {', '.join(sorted(differing))}" if differing else "matches"


def _hexadecimal(value: str) -> str:
    """RECORD writes URL-safe base64 without padding."""
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()


def _dependencies(names: set[str]) -> Iterator[Dependency]:
    direct = [name for name in image.requirements("confide") if name in names]
    own = _purl("confide")
    yield Dependency(_ROOT, (own, _PYTHON))
    yield Dependency(own, tuple(sorted(map(_purl, direct))))
    for name in sorted(names):
        required = sorted(set(image.requirements(name)) & names)
        yield Dependency(_purl(name), tuple(map(_purl, required)))
    yield Dependency(_PYTHON, ())
