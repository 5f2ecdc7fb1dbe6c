"""The SIMULATED machine's PCCS as a process of its own: serves what the machine wrote, holds no key.

Paths and headers as of Intel's PCCS, API version 4, so that any DCAP client fetches from it unchanged.
"""

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from confide.attestation.collateral import Collateral, parse
from confide.core.errors import InvalidEvidence
from confide_sim.hardware import FMSPC
from confide_sim.machine import COLLATERAL_FILE

_PREFIX: Final = "/sgx/certification/v4/"
_JSON: Final = "application/json"

Announce = Callable[[dict[str, Any]], None]
Response = tuple[str, bytes, dict[str, str]]
"""Content type, body, headers."""


def serve(directory: Path, port: int, *, announce: Announce, stop: threading.Event) -> None:
    """Serve `directory`'s collateral on loopback until `stop` is set; port 0 takes a free one.

    Raises OSError if the port is taken.
    """
    with _Server(("127.0.0.1", port), directory / COLLATERAL_FILE) as server:
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        announce({"event": "ready", "url": f"http://127.0.0.1:{server.server_port}", "warning": "SIMULATED"})
        stop.wait()
        server.shutdown()


def respond(collateral: Collateral, target: str) -> Response | None:
    """What a PCCS answers to GET `target`, or None: not found."""
    split = urlsplit(target)
    query = parse_qs(split.query)
    match split.path.removeprefix(_PREFIX):
        case "pckcrl" if query.get("ca") == ["platform"]:
            headers = {"SGX-PCK-CRL-Issuer-Chain": quote(collateral.pck_crl_issuer_chain)}
            return "application/pkix-crl", bytes.fromhex(collateral.pck_crl), headers
        case "rootcacrl":
            return "application/pkix-crl", collateral.root_ca_crl.encode(), {}
        case "tcb" if query.get("fmspc") == [FMSPC.hex().upper()]:
            headers = {"TCB-Info-Issuer-Chain": quote(collateral.tcb_info_issuer_chain)}
            return _JSON, _signed("tcbInfo", collateral.tcb_info, collateral.tcb_info_signature), headers
        case "qe/identity":
            headers = {"SGX-Enclave-Identity-Issuer-Chain": quote(collateral.qe_identity_issuer_chain)}
            body = _signed("enclaveIdentity", collateral.qe_identity, collateral.qe_identity_signature)
            return _JSON, body, headers
    return None


def _signed(name: str, document: str, signature: str) -> bytes:
    """The document's characters go in as they are: the signature is over them."""
    return f'{{"{name}":{document},"signature":"{signature}"}}'.encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], collateral: Path) -> None:
        self.collateral = collateral
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 10

    def do_GET(self) -> None:
        try:
            response = respond(parse(self.server.collateral.read_bytes()), self.path)
        except (OSError, InvalidEvidence):
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "the machine has not written its collateral")
            return
        if response is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        kind, body, headers = response
        self.send_response(HTTPStatus.OK)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is logged: requests are of no interest."""
