"""Generate src/confide/transport/gen from proto/. `--check` compares instead of writing (for CI).

Only messages are generated: the methods are read from the descriptor (src/confide/transport/wire.py).
"""

import argparse
import filecmp
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "proto" / "confide" / "v1" / "confide.proto"
TARGET = ROOT / "src" / "confide" / "transport" / "gen"
GENERATED = ("confide_pb2.py", "confide_pb2.pyi")


def generate(target: Path) -> None:
    """Write the generated modules into `target`."""
    arguments = ["protoc", f"-I{SOURCE.parent}", f"--python_out={target}", f"--pyi_out={target}", SOURCE.name]
    if protoc.main(arguments) != 0:
        raise SystemExit("protoc failed")


def drifted() -> list[str]:
    """Names of generated files that differ from what proto/ gives now."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        _, different, missing = filecmp.cmpfiles(folder, TARGET, GENERATED, shallow=False)
    return different + missing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        generate(TARGET)
    elif names := drifted():
        print(f"out of date: {', '.join(names)}; run scripts/generate_proto.py", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
