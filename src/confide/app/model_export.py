"""Writing a model for other runtimes."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from confide.app.models import OpenedModel
from confide.core.digest import sha384_hex
from confide.core.errors import ConfigurationError


def export_onnx(model: OpenedModel, out: Path) -> dict[str, Any]:
    """Write an ONNX model; tells what its inputs are.

    Raises:
        ConfigurationError: the optional package is not installed, or the file can't be written.
        ModelNotUsable, LimitExceeded: see export.onnx_model.onnx_bytes.
    """
    if find_spec("onnx") is None:
        raise ConfigurationError("exporting to ONNX needs the package onnx: pip install 'confide[onnx]'")
    from confide.export.encoding import inputs_of  # noqa: PLC0415 - only with the optional package
    from confide.export.onnx_model import onnx_bytes  # noqa: PLC0415

    digest = sha384_hex(model.data)
    data = onnx_bytes(model.model, digest)
    try:
        out.write_bytes(data)
    except OSError as cause:
        raise ConfigurationError(f"{out}: {cause.strerror}") from None
    return {
        "out": str(out),
        "bytes": len(data),
        "model": digest,
        "inputs": inputs_of(model.model.encoder),
        "output": "prediction",
    }
