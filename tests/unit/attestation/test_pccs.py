"""The product's fetcher against a real HTTP server: the simulated machine's PCCS."""

import json
import socket
import threading

import pytest

from confide.attestation.pccs import fetch_collateral
from confide.core.errors import EvidenceUnavailable, InvalidEvidence
from confide_sim import pccs
from confide_sim.machine import COLLATERAL_FILE


@pytest.fixture
def directory(tmp_path, collateral):
    (tmp_path / COLLATERAL_FILE).write_bytes(collateral)
    return tmp_path


@pytest.fixture
def url(directory, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    lines, ready, stop = [], threading.Event(), threading.Event()

    def announce(line):
        lines.append(line)
        ready.set()

    thread = threading.Thread(
        target=pccs.serve, args=(directory, 0), kwargs={"announce": announce, "stop": stop}
    )
    thread.start()
    assert ready.wait(5)
    yield lines[0]["url"]
    stop.set()
    thread.join()


def test_fetched_is_what_was_made(url, quote, collateral):
    assert json.loads(fetch_collateral(url, quote)) == json.loads(collateral)


def test_a_platform_that_the_pccs_does_not_know(url, sgx_sample):
    with pytest.raises(EvidenceUnavailable, match="404"):
        fetch_collateral(url, sgx_sample.quote)


def test_a_pccs_without_collateral(url, directory, quote):
    (directory / COLLATERAL_FILE).write_bytes(b"{}")
    with pytest.raises(EvidenceUnavailable, match="503"):
        fetch_collateral(url, quote)


def test_a_quote_out_of_form(url, quote):
    with pytest.raises(InvalidEvidence):
        fetch_collateral(url, quote + b"x")


def test_nobody_there(quote):
    with pytest.raises(EvidenceUnavailable):
        fetch_collateral("http://127.0.0.1:1", quote)
    with pytest.raises(EvidenceUnavailable):
        fetch_collateral("no url", quote)


def test_silence_ends(quote):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(EvidenceUnavailable, match="did not answer"):
            fetch_collateral(url, quote, timeout=0.2)
