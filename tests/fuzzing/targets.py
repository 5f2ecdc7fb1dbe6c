"""All targets, by name."""

import functools

from fuzzing import (
    targets_attestation,
    targets_audit,
    targets_crypto,
    targets_data,
    targets_files,
    targets_protocol,
    targets_takeover,
    targets_tunnel,
)
from fuzzing.harness import Target, check_examples

_ROOMS = (
    targets_protocol,
    targets_crypto,
    targets_attestation,
    targets_data,
    targets_files,
    targets_audit,
    targets_takeover,
    targets_tunnel,
)


@functools.cache
def all_targets() -> dict[str, Target]:
    """One per parser; each accepts its own examples."""
    made = {target.name: target for room in _ROOMS for target in room.targets()}
    for target in made.values():
        check_examples(target)
    return made
