"""The pictures of a report: well-formed, of the report's own numbers, and safe whatever a name holds."""

from xml.dom.minidom import parseString

import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide.app.pictures.chart import Chart, spanning, ticks
from confide.app.pictures.figures import figures
from confide.app.pictures.page import page

CURVE = [
    {"epoch": 1.0, "train_logloss": 0.7, "holdout_logloss": 0.69},
    {"epoch": 2.0, "train_logloss": 0.6, "holdout_logloss": 0.65},
]
MODEL = {
    "auc": 0.75,
    "rows_held_out": 1_234,
    "roc": [[0.0, 0.0], [0.5, 0.8], [1.0, 1.0]],
    "lift": [{"share": 0.1, "lift": 3.0, "captured": 0.3}, {"share": 0.0, "lift": None, "captured": 0.0}],
    "calibration": {
        "expected_error": 0.01,
        "bins": [{"rows": 2, "mean_prediction": 0.2, "mean_label": 0.25}],
    },
}
INTERVAL = {"value": 0.1, "low": 0.05, "high": 0.15}
METRICS = {
    "joint": MODEL,
    "initiator": MODEL,
    "lift": {
        "confidence": 0.95,
        "resamples": 100,
        "models": {},
        "differences": [{"first": "joint", "second": "initiator", "auc": INTERVAL, "logloss": INTERVAL}],
    },
    "importance": {
        "rows": 50,
        "fields": [{"party": "media", "column": "<b>&", "loss_added": 0.1, "deviation": 0.01}],
    },
    "statistics": {
        "columns": [
            {
                "party": "media",
                "column": "<i>",
                "figures": {"drift": {"index": 0.4, "by_chance": 0.01, "bins": []}},
            },
            {"party": "media", "column": "page", "figures": {"drift": None, "missing": None}},
        ]
    },
    "tuning": {"method": "random", "best": 0, "trials": [{"loss": 0.5}, {"loss": None}, {"loss": 0.6}]},
}


def test_every_kind_of_figure_is_drawn_as_well_formed_svg():
    drawn = figures(METRICS, CURVE)
    assert [figure.title for figure in drawn] == [
        "Training curve",
        "What the data is worth",
        "ROC",
        "Reliability",
        "Lift",
        "Importance of columns",
        "Tuning",
        "Drift",
    ]
    for figure in drawn:
        assert parseString(figure.svg).documentElement.tagName == "svg"  # noqa: S318 - our own text


def test_names_of_others_are_text_and_nothing_else():
    text = page("<script>", METRICS, CURVE)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "media.&lt;b&gt;&amp;" in text


def test_the_page_fetches_nothing():
    text = page("clicks", METRICS, CURVE).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "http" not in text
    assert "url(" not in text


def test_nothing_is_drawn_of_a_report_without_numbers():
    assert page("clicks", {}, []) == ""


def test_the_legend_stands_above_the_chart_where_no_line_runs():
    chart = Chart((0, 1), (0, 1), ("x", "y"))
    for name in ("first", "second", "third"):
        chart.line([(0, 1), (1, 1)], "#000", name)
    drawn = parseString(chart.svg()).documentElement  # noqa: S318 - our own text
    top = chart.place((0, 1))[1]
    texts = drawn.getElementsByTagName("text")
    places = {text.lastChild.data.strip(): float(text.getAttribute("y")) for text in texts}
    assert float(drawn.getAttribute("viewBox").split()[1]) < places["first"] - 10
    assert places["first"] < places["second"] < places["third"] < top


def test_columns_with_the_same_long_beginning_are_told_apart():
    fields = [
        {
            "party": "a-party-with-a-long-name",
            "column": f"feature_{number}",
            "loss_added": 0.1,
            "deviation": 0,
        }
        for number in range(2)
    ]
    drawn = figures({"importance": {"rows": 5, "fields": fields}}, [])[0].svg
    assert "feature_0</text>" in drawn
    assert "feature_1</text>" in drawn


def test_a_point_stands_where_its_numbers_say():
    chart = Chart((0, 10), (0, 1), ("x", "y"))
    (left, bottom), (right, top) = chart.place((0, 0)), chart.place((10, 1))
    assert chart.place((5, 0.5)) == pytest.approx(((left + right) / 2, (bottom + top) / 2))
    assert left < right
    assert top < bottom


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_few_and_inside(low, size):
    span = (low, low + size)
    found = ticks(span)
    assert len(found) <= 11
    room = 1e-6 * size + 1e-9 * abs(low)
    assert all(span[0] - room <= tick <= span[1] + room for tick in found)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_a_span_is_never_empty_and_holds_every_value(values):
    low, high = spanning(values)
    assert low < high
    assert low <= min(values) <= max(values) <= high
