"""Look for known weaknesses of the pinned dependencies, and validate the enclave's bill of materials.

    python scripts/audit_dependencies.py requirements.txt SBOM.json

Runs in an environment of its own (`make audit-dependencies`), with pip-audit and cyclonedx-python-lib. It
needs a network. pip-audit ends well when the advisory service does not know, or does not answer for, a
package; here that is an error: what was not looked up has not been audited. Exit code 0: all was looked up
and nothing found; 1: a known weakness, or a bill of materials that is not valid; 2: not all was looked up.
"""

import json
import subprocess
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

FOUND, NOT_AUDITED = 1, 2


def audit(requirements: Path) -> int:
    """Prints what was found; returns the exit code."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(requirements), "--no-deps"]
    command += ["--disable-pip", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"NOT AUDITED: pip-audit could not reach its service:\n{done.stderr.strip()[-600:]}")
        return NOT_AUDITED
    skipped = [entry["name"] for entry in dependencies if "skip_reason" in entry]
    found = [entry for entry in dependencies if entry.get("vulns")]
    for entry in found:
        for weakness in entry["vulns"]:
            fixed = ", ".join(weakness["fix_versions"]) or "no version"
            print(f"{entry['name']} {entry['version']}: {weakness['id']}, mended in {fixed}")
    print(f"{len(dependencies) - len(skipped)} of {len(dependencies)} packages looked up, {len(found)} weak")
    if found:
        return FOUND
    if skipped:
        print(f"NOT AUDITED: {', '.join(skipped)}")
        return NOT_AUDITED
    return 0


def validate(document: Path) -> int:
    """Against the schema that cyclonedx-python-lib carries."""
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(document.read_text(encoding="utf-8"))
    print(f"{document}: {problem or 'valid CycloneDX 1.6'}")
    return FOUND if problem else 0


if __name__ == "__main__":
    requirements, document = map(Path, sys.argv[1:])
    codes = [validate(document), audit(requirements)]
    sys.exit(FOUND if FOUND in codes else max(codes))
