import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from confide.core import limits
from confide.platform.status_lines import Closed, Heartbeat, LineSplitter, Phase, Ready, parse


@pytest.mark.parametrize(
    ("document", "event"),
    [
        ({"event": "ready", "address": "127.0.0.1:40000"}, Ready("127.0.0.1:40000")),
        ({"event": "ready", "address": "[::1]:4"}, Ready("[::1]:4")),
        ({"event": "heartbeat"}, Heartbeat()),
        ({"event": "heartbeat", "later": "field"}, Heartbeat()),
        ({"event": "state", "state": "training"}, Phase("training")),
        ({"event": "state", "state": "joining", "waiting_for": ["bob"]}, Phase("joining", ("bob",))),
        ({"event": "closed", "outcome": "complete", "receipt_digest": None}, Closed("complete")),
        ({"event": "closed", "outcome": "x", "receipt_digest": "0" * 96}, Closed("x", "0" * 96)),
        ({"event": "closed", "outcome": "x", "receipt_digest": "short"}, None),
        ({"event": "closed", "outcome": ""}, None),
        ({"event": "closed", "outcome": "\x1b[2J"}, None),
        ({"event": "state", "state": "a\nb"}, None),
        ({"event": "ready", "address": "x:1\n"}, None),
        ({"event": "ready", "address": "http://x"}, None),
        ({"event": "other"}, None),
        ({"no": "event"}, None),
        ([], None),
    ],
)
def test_events(document, event):
    assert parse(json.dumps(document).encode()) == event


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_none(line):
    assert parse(line) is None or isinstance(parse(line), Ready | Heartbeat | Phase | Closed)


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda b: b"\n" not in b)), st.data())
def test_lines_are_the_same_however_they_are_cut(lines, data):
    stream = b"".join(line + b"\n" for line in lines)
    splitter, got = LineSplitter(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        got += splitter.feed(stream[:cut])
        stream = stream[cut:]
    assert got == lines


def test_long_lines_are_skipped_and_take_no_memory():
    splitter = LineSplitter()
    long = b"x" * limits.MAX_STATUS_LINE_BYTES
    assert splitter.feed(long + b"\n" + b"short\n") == [long, b"short"]
    for _ in range(10):
        assert splitter.feed(long) == []
    assert len(splitter._rest) <= limits.MAX_STATUS_LINE_BYTES
    assert splitter.feed(b"end of the long one\nnext\n") == [b"next"]
    assert splitter.feed(long + b"y\nnext\n") == [b"next"]
