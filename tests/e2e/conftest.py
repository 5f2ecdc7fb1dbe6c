"""One installation for all end-to-end tests of a worker; each test starts tasks in it."""

import pytest
from fakes import fair
from fakes.site import Site

ROWS, LATER = 2_000, 200
NARROW, OTHER_IDS = "with fewer columns", "with other ids"
"""Purposes under which media brings a dataset that does not fit."""


def prepare_all(site):
    """Each owner's rows to train with and, of other ids, to predict."""
    rows = list(fair.rows_of(fair.identifiers(ROWS), seed=1))
    later = list(fair.rows_of(fair.identifiers(LATER, "l"), seed=2))
    for owner in fair.OWNERS:
        # Each owner has a few rows that the others lack, in an order of its own.
        own = rows[50:] if owner == "shop" else rows[:-20][::-1]
        fair.prepare_for(site.folder(owner), owner, own, labelled=owner == "shop")
        fair.prepare_for(site.folder(owner), owner, later, name="later")
    media = site.folder("media")
    fair.prepare_for(media, "media", rows, name="narrow", columns=["interest"])
    fair.prepare_for(media, "media", later[:-1], name="other-ids")


def write_policies(site):
    """The consent of media and news. Under two more purposes media brings what does not fit."""
    misfits = [
        fair.allow("media", "train", NARROW, data="narrow"),
        fair.allow("media", "train", OTHER_IDS),
        fair.allow("media", "predict", OTHER_IDS, data="other-ids"),
    ]
    for owner, more in (("media", misfits), ("news", [])):
        rules = [fair.allow(owner, "train"), fair.allow(owner, "predict"), *more]
        site.write(owner, "consent.toml", {"allow": rules})


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Machine, PCCS, host, three parties with data; media serves."""
    site = Site(tmp_path_factory.mktemp("site")).begin(idle_seconds=12)
    site.narrow, site.other_ids = NARROW, OTHER_IDS
    try:
        for name in fair.OWNERS:
            site.join(name)
        prepare_all(site)
        write_policies(site)
        site.media = site.provide("media", "--consent", "consent.toml")
        yield site
    finally:
        site.end()
