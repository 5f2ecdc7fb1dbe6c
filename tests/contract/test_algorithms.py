"""One suite for every algorithm of the registry (fakes/algorithm_contract.py)."""

import subprocess
import sys

import pytest
from fakes.algorithm_contract import CONTRACT

from confide.algorithms import registry


@pytest.mark.parametrize("name", sorted(registry.ALGORITHMS))
@pytest.mark.parametrize("check", CONTRACT, ids=lambda check: check.__name__)
def test_contract(name, check):
    check(name)


def test_trees_grow_without_the_python_around_lightgbm():
    """It would load SciPy, and scikit-learn or pandas wherever they are installed: nobody measures those."""
    program = """
import sys
import numpy as np
from confide.algorithms import registry
rows = np.arange(200)
estimator = registry.build("gbdt", {"trees": 2})
indices, values = (rows % 7)[:, None], np.ones((200, 1), np.float32)
list(estimator.fit(indices, values, (rows % 7 > 3).astype(np.float32), feature_count=7))
print(sorted({"lightgbm", "scipy", "sklearn", "pandas"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
