"""As many categories as rows: more than an exact vocabulary may hold are refused, with what to do; hashed,
they train. `many_categories.py ROWS` does the same with millions.
"""

from bad_input.many_categories import prepared, train

from confide.core import limits
from confide.core.errors import LimitExceeded

ROWS = 3_000


def test_a_category_of_its_own_for_each_row(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "MAX_VOCABULARY_CODES", ROWS)
    shop = prepared(tmp_path, "shop", ROWS, labelled=True)
    media = prepared(tmp_path, "media", ROWS, labelled=False)
    refused = train(shop, media, "exact")
    assert {type(error) for error in refused.errors.values()} == {LimitExceeded}
    assert all("use the hashed vocabulary" in str(error) for error in refused.errors.values())
    assert not refused.kept["shop"].results
    hashed = train(shop, media, "hashed")
    assert hashed.errors == {}
    training, prediction = hashed.kept["shop"].receipts[0].receipt.rounds
    assert {rows.joined for rows in (*training.rows.values(), *prediction.rows.values())} == {ROWS}
