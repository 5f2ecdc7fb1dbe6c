"""The machine, its loader and real enclave processes."""

import json
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from confide.attestation.binding import open_evidence, verify_evidence
from confide.attestation.policy import UnsafeAnyMeasurement, standard
from confide.attestation.providers.socket import SocketQuoter
from confide.attestation.quote import parse
from confide.attestation.roots import TrustRoots
from confide.attestation.verifier import verify_quote
from confide.core.errors import ConfigurationError, EvidenceUnavailable, PolicyViolation
from confide_sim.admission import LaunchReply, LaunchRequest
from confide_sim.image import FileDigests, measure
from confide_sim.launch import request_launch
from confide_sim.tee import SIGNER

STAND_IN = """
import json, os, sys
from confide.attestation.binding import Binding, make_evidence
from confide.attestation.providers.choose import VARIABLE, choose_quoter
config = sys.stdin.readline().encode()
binding = Binding.to(public_key=b"spki", nonce=bytes(32), hpke_key=bytes(32), config=config)
evidence = make_evidence(choose_quoter(os.environ[VARIABLE]), binding)
print(json.dumps({"evidence": evidence.hex(), "arguments": sys.argv[1:], "environment": sorted(os.environ),
                  "pid": os.getpid(), "prefix": sys.pycache_prefix, "bytecode": sys.dont_write_bytecode}))
"""
ENTRY = json.dumps(["-c", STAND_IN])


@pytest.fixture(scope="module")
def result(load):
    done = load(ENTRY, "--one", "two", text="config\n", environment={"SECRET": "x", "PYTHONPATH": "/nowhere"})
    assert done.stderr == ""
    return json.loads(done.stdout)


def judge(ready, quote, policy):
    directory = Path(ready["root"]).parent
    collateral = (directory / "collateral.json").read_bytes()
    now = int((directory / "collateral.json").stat().st_mtime)
    return verify_quote(quote, collateral, roots=TrustRoots.read([ready["root"]]), policy=policy, now=now)


def test_ready_line(ready):
    assert ready["event"] == "ready"
    assert ready["root_name"].startswith("SIMULATED:")
    assert len(ready["measurement"]) == 64
    assert "SIMULATED" in ready["warning"]
    assert Path(ready["machine"]).stat().st_mode & 0o777 == 0o600


def test_enclave_gets_the_measurement_of_its_image(ready, result):
    quote, _ = open_evidence(bytes.fromhex(result["evidence"]))
    expected = measure(("-c", STAND_IN), FileDigests()).measurement
    claims = judge(ready, quote, standard(measurements=[expected]))
    assert claims.signer == SIGNER
    assert claims.trust_root == ready["root_name"]
    with pytest.raises(PolicyViolation):
        judge(ready, quote, standard(measurements=[ready["measurement"]]))


def test_the_whole_evidence_verifies(ready, result):
    evidence = bytes.fromhex(result["evidence"])
    _, binding = open_evidence(evidence)
    path = Path(ready["root"]).parent / "collateral.json"
    claims = verify_evidence(
        evidence,
        path.read_bytes(),
        expected=binding,
        roots=TrustRoots.read([ready["root"]]),
        policy=UnsafeAnyMeasurement(),
        now=int(path.stat().st_mtime),
    )
    assert claims.simulated


def test_arguments_pass_and_environment_does_not(result):
    assert result["arguments"] == ["--one", "two"]
    assert set(result["environment"]) <= {"CONFIDE_QUOTER", "LC_ALL", "LC_CTYPE"}


def test_no_bytecode(result):
    assert result["bytecode"]
    assert not os.path.lexists(result["prefix"])
    with pytest.raises(OSError, match="Not a directory"):
        Path(result["prefix"]).mkdir(parents=True)


def test_debug_enclave(ready, load):
    done = load(ENTRY, debug=True, text="config\n")
    quote, _ = open_evidence(bytes.fromhex(json.loads(done.stdout)["evidence"]))
    with pytest.raises(PolicyViolation, match="debug"):
        judge(ready, quote, UnsafeAnyMeasurement())


def test_this_process_is_no_enclave(ready):
    with pytest.raises(EvidenceUnavailable, match="no enclave"):
        SocketQuoter(Path(ready["quotes"])).quote(bytes(64))


@pytest.mark.parametrize(
    "change",
    ["command[-1] += ' '", "command[1:1] = ['-v']", "environment['LD_PRELOAD'] = ''", "environment.clear()"],
)
def test_an_execution_other_than_measured_gets_no_quote(ready, change):
    program = """
import os, sys
from pathlib import Path
from confide_sim.admission import LaunchRequest
from confide_sim.launch import request_launch
reply = request_launch(Path(sys.argv[1]), LaunchRequest(("-c", sys.argv[2]), (), False))
command, environment = list(reply.command), dict(reply.environment)
exec(sys.argv[3])
os.execve(command[0], command, environment)
"""
    ask = """
import sys
from pathlib import Path
from confide.attestation.providers.socket import SocketQuoter
SocketQuoter(Path({path!r})).quote(bytes(64))
print("QUOTED")
""".format(path=ready["quotes"])
    words = [sys.executable, "-c", program, ready["machine"], ask]
    control = subprocess.run([*words, "pass"], capture_output=True, text=True, check=False)
    assert "QUOTED" in control.stdout
    changed = subprocess.run([*words, change], capture_output=True, text=True, check=False)
    assert "QUOTED" not in changed.stdout
    assert "EvidenceUnavailable" in changed.stderr


def test_a_child_of_an_enclave_is_no_enclave(ready, load):
    entry = """
import subprocess, sys
child = "import sys; from pathlib import Path\\n"
child += "from confide.attestation.providers.socket import SocketQuoter\\n"
child += "SocketQuoter(Path(sys.argv[1])).quote(bytes(64))"
done = subprocess.run([sys.executable, "-c", child, sys.argv[1]], capture_output=True, text=True)
print(done.returncode, done.stderr)
"""
    done = load(json.dumps(["-c", entry]), ready["quotes"])
    assert done.stdout.startswith("1 ")
    assert "no enclave" in done.stdout


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b'{"entry":1}\n', b"x" * 1_000, b""])
def test_malformed_requests(ready, line):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(ready["machine"])
        connection.sendall(line)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            assert b"error" in stream.read()


def test_short_report_data(ready):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(ready["quotes"])
        connection.sendall(b"short")
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            assert stream.read() == struct.pack(">I", 0)


def test_no_machine(tmp_path):
    with pytest.raises(EvidenceUnavailable, match="no simulated machine"):
        request_launch(tmp_path / "machine.sock", LaunchRequest((), (), debug=False))


def test_a_machine_keeps_its_root_and_leaves_no_socket(tmp_path, run_machine):
    with run_machine(tmp_path / "m") as first:
        root = Path(first["root"]).read_bytes()
        seed = tmp_path / "m" / "machine.json"
        assert seed.stat().st_mode & 0o777 == 0o600
        with pytest.raises(ConfigurationError, match="runs already"), run_machine(tmp_path / "m"):
            pass
    assert not list((tmp_path / "m").glob("*.sock"))
    (tmp_path / "m" / "machine.sock").touch()
    with run_machine(tmp_path / "m") as second:
        assert Path(second["root"]).read_bytes() == root


def test_unusable_folders(tmp_path, run_machine):
    (tmp_path / "machine.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"machine\.json"), run_machine(tmp_path):
        pass
    deep = tmp_path / ("x" * 120)
    with pytest.raises(ConfigurationError, match="107 bytes"), run_machine(deep):
        pass


def test_quotes_are_parsed_as_the_product_does(result):
    quote, binding = open_evidence(bytes.fromhex(result["evidence"]))
    assert parse(quote).product_id == 1
    assert binding.nonce == bytes(32)


def test_reply_is_strict():
    assert LaunchReply(("x",), {}, "00").command == ("x",)
