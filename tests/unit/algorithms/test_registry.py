import hashlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from confide import algorithms
from confide.algorithms import registry
from confide.core import canonical
from confide.core.errors import AlgorithmNotListed, ParameterInvalid

JSON_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
)


def test_the_list_names_each_algorithm_once_and_has_canonical_bytes():
    listing = registry.listing()
    assert (
        [line.name for line in listing]
        == sorted(registry.ALGORITHMS)
        == [
            "afm",
            "deepfm",
            "fm",
            "gbdt",
            "linear",
            "mlp",
        ]
    )
    decoded = msgspec.convert(
        msgspec.json.decode(canonical.encode(listing)), tuple[registry.AlgorithmListing, ...]
    )
    assert decoded == listing
    assert all(line.schemes == ("tee",) for line in listing)


@pytest.mark.parametrize("name", sorted(registry.ALGORITHMS))
def test_the_schema_has_a_range_or_a_choice_and_a_default_for_every_parameter(name):
    schema = next(line for line in registry.listing() if line.name == name).parameters
    assert schema["additionalProperties"] is False
    for field, rule in schema["properties"].items():
        assert "default" in rule, field
        assert "enum" in rule or {"minimum", "exclusiveMinimum"} & set(rule), field
        assert "enum" in rule or "maximum" in rule, field


@pytest.mark.parametrize("name", sorted(registry.ALGORITHMS))
def test_the_code_digest_covers_all_that_the_results_depend_on(name):
    sources = registry.ALGORITHMS[name].sources
    here = Path(algorithms.__file__).parent
    files = {source: hashlib.sha384((here / source).read_bytes()).hexdigest() for source in sources}
    by_hand = hashlib.sha384(canonical.encode(files)).hexdigest()
    assert registry.code_digest(name) == by_hand
    others = {"__init__.py", "registry.py", "model_file.py", "scoring.py", "model.py"}
    of_any = {source for algorithm in registry.ALGORITHMS.values() for source in algorithm.sources}
    installed = {*here.glob("*.py"), *here.glob("engine/*.py"), *here.glob("engine/native/*.[ch]")}
    assert of_any | others == {str(path.relative_to(here)) for path in installed}


def test_an_unlisted_name_is_refused_with_the_list():
    for call in (registry.build, registry.complete_parameters):
        with pytest.raises(AlgorithmNotListed, match="afm, deepfm, fm, gbdt, linear, mlp"):
            call("os.system", {})


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"unknown": 1}, "unknown"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": True}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"epochs": "3"}, "epochs"),
        ({"embedding_size": 257}, "embedding_size"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": float("nan")}, "dropout"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": float("inf")}, "learning_rate"),
        ({"loss": "hinge"}, "loss"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**53}, "seed"),
        ({"precision": "float16"}, "precision"),
    ],
)
def test_a_bad_parameter_is_named(parameters, named):
    with pytest.raises(ParameterInvalid, match=named):
        registry.build("afm", parameters)


@given(
    st.sampled_from(sorted(registry.ALGORITHMS)),
    st.dictionaries(st.text(max_size=14), JSON_VALUES, max_size=3),
)
def test_any_parameters_build_or_raise_one_error(name, parameters):
    try:
        registry.build(name, parameters)
    except ParameterInvalid:
        return


def test_complete_parameters_are_plain_canonical_and_stable():
    complete = registry.complete_parameters("afm", {"epochs": 7})
    assert complete["epochs"] == 7
    assert complete["loss"] == "logistic"
    assert registry.complete_parameters("afm", complete) == complete
    assert canonical.decode_plain(canonical.encode(complete))["epochs"] == 7
