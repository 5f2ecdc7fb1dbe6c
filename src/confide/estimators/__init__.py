"""The algorithms of the enclave as scikit-learn estimators: `fit`, `predict`, `predict_proba`, `get_params`.

    from confide.estimators import AFMClassifier

The same code trains as in the enclave (confide.algorithms), so a plain model and a shared one are comparable
to the bit (`confide parity`), and `load` gives back what a model file of the enclave holds. scikit-learn
itself is not needed.
"""

from confide.estimators.kinds import (
    AFMClassifier,
    AFMRegressor,
    DeepFMClassifier,
    DeepFMRegressor,
    FMClassifier,
    FMRegressor,
    GBDTClassifier,
    GBDTRegressor,
    LinearRegressor,
    LogisticClassifier,
    MLPClassifier,
    MLPRegressor,
    load,
)

__all__ = [
    "AFMClassifier",
    "AFMRegressor",
    "DeepFMClassifier",
    "DeepFMRegressor",
    "FMClassifier",
    "FMRegressor",
    "GBDTClassifier",
    "GBDTRegressor",
    "LinearRegressor",
    "LogisticClassifier",
    "MLPClassifier",
    "MLPRegressor",
    "load",
]
