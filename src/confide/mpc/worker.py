"""One intersection, in a process of its own: the only file that loads SecretFlow's library.

It needs nothing of Confide, so that it can run under another interpreter than ours (ADR 0029). Its settings
come as one line of JSON on standard input. Its own words go to standard output as lines that begin with
`confide `, the library's log between them. When standard input ends, whoever started it is gone: it removes
its folder and ends.
"""

import base64
import json
import os
import shutil
import sys
import threading
import time
import types
from importlib import machinery, metadata  # noqa: TID251 - not measured, and outside Confide's environment
from pathlib import Path
from typing import Any

VERSION = "0.9.5"
"""Of spu: what this was tested with."""
_PARENT_GONE = 3


def _say(**words: Any) -> None:
    sys.stdout.write("confide " + json.dumps(words) + "\n")
    sys.stdout.flush()


def _end_with_parent(folder: str) -> None:
    sys.stdin.read()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(_PARENT_GONE)


def _library() -> tuple[Any, Any]:
    """spu.libspu and spu.psi, without what else `import spu` would load: jax (1 s, 200 MB)."""
    found = machinery.PathFinder.find_spec("spu")
    if found is None or found.submodule_search_locations is None:
        raise ImportError("No module named 'spu'")
    if (version := metadata.version("spu")) != VERSION:
        raise ImportError(f"spu {version} is installed, and {VERSION} is what this was tested with")
    package = types.ModuleType("spu")
    package.__path__ = list(found.submodule_search_locations)
    sys.modules["spu"] = package
    from spu import libspu, psi  # noqa: PLC0415 - the one place, and only when it is asked for

    return libspu, psi


def _link(settings: dict[str, Any], libspu: Any) -> Any:
    desc = libspu.link.Desc()
    desc.id = settings["id"]
    desc.connect_retry_times = settings["seconds"] * 10
    desc.connect_retry_interval_ms = 100
    desc.recv_timeout_ms = settings["seconds"] * 1000
    for place, address in enumerate(settings["addresses"]):
        desc.add_party(f"party{place}", address)
    return libspu.link.create_brpc(desc, settings["rank"])


def _config(settings: dict[str, Any], psi: Any) -> Any:
    protocol = psi.PsiProtocolConfig(
        protocol=getattr(psi.PsiProtocol, "PROTOCOL_" + settings["protocol"]),
        receiver_rank=0,
        broadcast_result=settings["both_learn"],
        ecdh_params=psi.EcdhParams(curve=psi.EllipticCurveType.CURVE_25519),
    )
    return psi.PsiExecuteConfig(
        protocol_conf=protocol,
        input_params=psi.InputParams(path=settings["input"], selected_keys=["id"], keys_unique=True),
        output_params=psi.OutputParams(path=settings["output"], disable_alignment=True),
    )


def _unbalanced(settings: dict[str, Any], psi: Any, link: Any) -> Any:
    """One report of the last of the agreed modes. The initiator is the library's client."""
    client, report = settings["rank"] == 0, None
    for mode in settings["modes"]:
        config = psi.UbPsiExecuteConfig(
            mode=getattr(psi.UbPsiMode, "MODE_" + mode),
            role=psi.UbPsiRole.ROLE_CLIENT if client else psi.UbPsiRole.ROLE_SERVER,
            client_receive_result=True,
            server_receive_result=settings["both_learn"],
            cache_path=settings["cache"],
            input_params=psi.InputParams(path=settings["input"], selected_keys=["id"], keys_unique=True),
            output_params=psi.OutputParams(path=settings["output"], disable_alignment=True),
            server_params=psi.UbPsiServerParams(secret_key_path="" if client else _key_path(settings, mode)),
        )
        report = psi.ub_psi_execute(config, link)
    return report


def _key_path(settings: dict[str, Any], mode: str) -> str:
    """A file in memory with a new key, or the one under which the cache was made."""
    key = bytes.fromhex(settings["key"])
    if mode != "FULL":
        meta = Path(settings["cache"], "ub_psi_cache.meta").read_text()
        key = base64.b64decode(json.loads(meta)["privKey"])
    descriptor = os.memfd_create("key")
    os.write(descriptor, key)
    return f"/proc/self/fd/{descriptor}"


def _execute(settings: dict[str, Any], psi: Any, link: Any) -> Any:
    """Both sides begin together.

    The library says its first word anew when it begins, and loses it at a side that has not read the one
    before, which then waits for it until its time is over (seen with UB-PSI, where one side was slow).
    """
    link.barrier()
    if settings["modes"]:
        return _unbalanced(settings, psi, link)
    return psi.psi_execute(_config(settings, psi), link)


def main() -> int:
    """Exit status: 0 done, 4 the library is not there, 5 it failed (its words are on standard error)."""
    settings = json.loads(sys.stdin.readline())
    try:
        libspu, psi = _library()
    except ImportError as cause:
        _say(missing=str(cause)[:200])
        return 4
    if settings.get("check"):
        _say(ready=VERSION)
        return 0
    threading.Thread(target=_end_with_parent, args=(settings["folder"],), daemon=True).start()
    started = time.monotonic()
    link = _link(settings, libspu)
    linked = time.monotonic() - started
    report = _execute(settings, psi, link)
    link.stop_link()
    seconds = time.monotonic() - started
    _say(rows=report.original_count, common=report.intersection_count, seconds=seconds, linked=linked)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception as failure:  # noqa: BLE001 - a process's entry point: its parent tells the user
        sys.stderr.write(f"{type(failure).__name__}: {failure}\n")
        sys.exit(5)
