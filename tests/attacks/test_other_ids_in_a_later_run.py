"""T-46: a provider brings other ids to its second run than to its first. It is named."""

from fakes import simulated_library
from fakes.aligning import ALL, aligning, of_all, run, toy_data
from fakes.authority import Authority

from confide.app.intersect import Aligner
from confide.core.errors import IntersectionChanged
from confide.mpc import intersection


class Lying(Aligner):
    """Brings fewer ids to the run in which it learns."""

    def _until_found(self, task, terms, run, ids, kept):
        super()._until_found(task, terms, run, ids.slice(0, 50) if run.known else ids, kept)


def test_a_provider_that_changes_its_ids_between_its_runs_is_named(tmp_path, tmp_path_factory, monkeypatch):
    monkeypatch.setattr(intersection, "run_worker", simulated_library.run_worker)
    data = toy_data(tmp_path_factory.mktemp)
    with aligning(Authority(), tmp_path) as sides:
        here = sides(names=ALL, aligners={"carl": Lying})
        found = run(here, data, of_all())
    assert isinstance(found[0], IntersectionChanged)
    assert found[0].blame == "carl"
