"""Run by whole_job.py as party A: `confide task train TASK --then PREDICT`, with the time of each event.

Arguments: the two task files. Prints one JSON line per event, with seconds since an arbitrary start that all
processes of a machine share, and at the end one line with the outcome.
"""

import json
import sys
import threading
import time
from pathlib import Path

from confide.app import initiate
from confide.app.resuming import Origin
from confide.cli.task import load_party


def tell(event):
    """Of progress only where a stage begins or ends: the rest would only take time."""
    facts = event.facts
    if event.name == "progress" and facts["done"] not in (0, facts["total"]) and facts["stage"] in tell.seen:
        return
    tell.seen.add(facts.get("stage"))
    say({"event": event.name, "stage": facts.get("stage"), "ended": facts.get("done") == facts.get("total")})


tell.seen = set()


def say(line):
    sys.stdout.write(json.dumps({"at": time.monotonic(), **line}) + "\n")
    sys.stdout.flush()


def main():
    train, predict = map(Path, sys.argv[1:])
    say({"event": "loaded"})
    party = load_party(Path("confide.toml"))
    origin = Origin(kind="train", files=(str(train.resolve()), str(predict.resolve())))
    outcome = initiate.run(party, origin, tell, threading.Event())
    say({"event": "end", "outcome": outcome.document()})


if __name__ == "__main__":
    main()
