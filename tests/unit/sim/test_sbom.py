"""The bill of materials lists what is measured, and nothing else; it is reproducible and well-formed."""

import json
import re
import uuid
from importlib import metadata  # noqa: TID251 — compares with what is installed

import pytest
from typer.testing import CliRunner

from confide_sim import cli, image, sbom
from confide_sim.image import FileDigests, Image, measure

PURL = re.compile(r"pkg:pypi/[a-z0-9][a-z0-9._-]*@[^@/?#\s]+")


@pytest.fixture(scope="module")
def measured():
    return measure(digests=FileDigests())


@pytest.fixture(scope="module")
def document(measured):
    return json.loads(sbom.describe(measured).encode())


def parts(document):
    return {component["name"]: component for component in document["components"]}


def test_it_is_a_cyclonedx_document_of_this_image(document, measured):
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert uuid.UUID(document["serialNumber"].removeprefix("urn:uuid:")).version == 5
    (whole,) = document["metadata"]["component"]["hashes"]
    assert whole == {"alg": "SHA-256", "content": measured.measurement}


def test_every_measured_file_is_listed_once_with_its_hash(document, measured):
    listed = [
        (f"{component['name']}/{file['name']}", file["hashes"])
        for component in document["components"]
        for file in component["components"]
    ]
    assert len(listed) == len(measured.files)
    assert dict(listed) == {
        path: [{"alg": "SHA-256", "content": digest}] for path, digest in measured.files.items()
    }


def test_distributions_have_version_licence_and_purl(document):
    for name, component in parts(document).items():
        if name == "python":
            continue
        assert component["version"] == metadata.version(name)
        assert PURL.fullmatch(component["purl"])
        assert component["licenses"], name
        for entry in component["licenses"]:
            assert entry.get("expression") or entry["license"]["name"]


def test_installed_files_are_those_that_were_installed(document):
    records = {
        name: component["properties"][0]["value"]
        for name, component in parts(document).items()
        if name not in ("python", "confide")
    }
    assert set(records.values()) == {"matches"}


def test_a_file_that_was_altered_after_it_was_installed_is_named(measured):
    path = "rfc8785/rfc8785/__init__.py"
    altered = Image(measured.entry, measured.python, {**measured.files, path: "00" * 32})
    document = json.loads(sbom.describe(altered).encode())
    (record,) = parts(document)["rfc8785"]["properties"]
    assert record["value"] == "1 files differ: rfc8785/__init__.py"
    assert document["serialNumber"] != json.loads(sbom.describe(measured).encode())["serialNumber"]


def test_dependencies_lead_to_listed_components(document):
    references = {component["bom-ref"] for component in document["components"]} | {"confide-enclave"}
    assert {entry["ref"] for entry in document["dependencies"]} == references
    for entry in document["dependencies"]:
        assert set(entry["dependsOn"]) <= references
    (confide,) = [entry for entry in document["dependencies"] if entry["ref"].startswith("pkg:pypi/confide@")]
    assert any(required.startswith("pkg:pypi/numpy@") for required in confide["dependsOn"])
    assert not any("typer" in reference for reference in references)


def test_the_same_image_gives_the_same_bytes(measured):
    assert sbom.describe(measured).encode() == sbom.describe(measured).encode()


def test_the_command_writes_a_new_file_only(tmp_path, monkeypatch, measured):
    monkeypatch.setattr(image, "measure", lambda: measured)
    out = tmp_path / "sbom.json"
    assert CliRunner().invoke(cli.app, ["sbom", "--out", str(out)]).exit_code == 0
    assert json.loads(out.read_bytes())["bomFormat"] == "CycloneDX"
    assert isinstance(CliRunner().invoke(cli.app, ["sbom", "--out", str(out)]).exception, FileExistsError)
