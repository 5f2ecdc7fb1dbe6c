"""Classifiers, regressors, and one class for each algorithm and task."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from confide.algorithms.base import Floats
from confide.algorithms.model import Model
from confide.core.errors import ModelFileInvalid
from confide.estimators.base import PlainEstimator, column_of_labels


class Classifier(PlainEstimator):
    """Two classes, whatever their labels are called."""

    _estimator_type = "classifier"
    loss = "logistic"
    classes_: npt.NDArray[Any]

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: N803
        """(rows, 2): probabilities of `classes_`."""
        second = self._predictions(X).astype(np.float64)
        return np.column_stack((1 - second, second))

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803
        """(rows,) of `classes_`."""
        chosen = self.predict_proba(X)[:, 1] > 0.5  # noqa: PLR2004
        predicted: npt.NDArray[Any] = self.classes_[chosen.astype(int)]
        return predicted

    def score(self, X: Any, y: Any) -> float:  # noqa: N803
        """Share of rows whose class is predicted."""
        return float(np.mean(self.predict(X) == np.asarray(y)))

    def _labels(self, y: Any, rows: int) -> Floats:
        labels = column_of_labels(y, rows, type(self).__name__)
        if labels.dtype.kind == "f" and (labels != np.floor(labels)).any():
            raise ValueError("Unknown label type: continuous. A classifier needs classes, not numbers.")
        classes = np.unique(labels)
        if len(classes) > 2:  # noqa: PLR2004
            raise ValueError("Only binary classification is supported. The type of the target is multiclass.")
        if len(classes) < 2:  # noqa: PLR2004
            raise ValueError(f"{type(self).__name__} can't learn from one class only.")
        self.classes_ = classes
        return np.asarray(labels == classes[1], np.float32)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags  # noqa: PLC0415 - asked for by scikit-learn alone

        return _tags("classifier", classifier_tags=ClassifierTags(multi_class=False))


class Regressor(PlainEstimator):
    """Any finite numbers."""

    _estimator_type = "regressor"
    loss = "squared"

    def predict(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: N803
        """(rows,)"""
        return self._predictions(X).astype(np.float64)

    def score(self, X: Any, y: Any) -> float:  # noqa: N803
        """R²: 1 is perfect, 0 as good as the mean."""
        truth = np.asarray(y, np.float64)
        error = ((truth - self.predict(X)) ** 2).sum()
        return float(1 - error / ((truth - truth.mean()) ** 2).sum())

    def _labels(self, y: Any, rows: int) -> Floats:
        return column_of_labels(y, rows, type(self).__name__).astype(np.float32)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import RegressorTags  # noqa: PLC0415 - asked for by scikit-learn alone

        # Three passes over a few hundred rows, the default, are too few for the networks.
        return _tags("regressor", regressor_tags=RegressorTags(poor_score=self.algorithm != "gbdt"))


def _tags(kind: str, **own: Any) -> Any:
    from sklearn.utils import InputTags, Tags, TargetTags  # noqa: PLC0415

    return Tags(
        estimator_type=kind,
        target_tags=TargetTags(required=True),
        input_tags=InputTags(allow_nan=True, string=True, categorical=True),
        **own,
    )


class AFMClassifier(Classifier):
    """Attentional factorization machine."""

    algorithm = "afm"


class AFMRegressor(Regressor):
    """Attentional factorization machine."""

    algorithm = "afm"


class FMClassifier(Classifier):
    """Factorization machine of order two."""

    algorithm = "fm"


class FMRegressor(Regressor):
    """Factorization machine of order two."""

    algorithm = "fm"


class LogisticClassifier(Classifier):
    """Logistic regression."""

    algorithm = "linear"


class LinearRegressor(Regressor):
    """Linear regression."""

    algorithm = "linear"


class DeepFMClassifier(Classifier):
    """Factorization machine and hidden layers over the same embeddings."""

    algorithm = "deepfm"


class DeepFMRegressor(Regressor):
    """Factorization machine and hidden layers over the same embeddings."""

    algorithm = "deepfm"


class MLPClassifier(Classifier):
    """Multilayer perceptron over embeddings."""

    algorithm = "mlp"


class MLPRegressor(Regressor):
    """Multilayer perceptron over embeddings."""

    algorithm = "mlp"


class GBDTClassifier(Classifier):
    """Gradient-boosted decision trees."""

    algorithm = "gbdt"


class GBDTRegressor(Regressor):
    """Gradient-boosted decision trees."""

    algorithm = "gbdt"


KINDS: tuple[type[PlainEstimator], ...] = (
    AFMClassifier,
    AFMRegressor,
    FMClassifier,
    FMRegressor,
    LogisticClassifier,
    LinearRegressor,
    DeepFMClassifier,
    DeepFMRegressor,
    MLPClassifier,
    MLPRegressor,
    GBDTClassifier,
    GBDTRegressor,
)


def load(path: Path) -> PlainEstimator:
    """The trained estimator that a model file holds, from the enclave or from `save`.

    A data frame's columns are found by name, an array's by position. Classes are 0 and 1.

    Raises:
        ModelFileInvalid: not a model file, or of an algorithm without an estimator, or of crossed columns.
    """
    model = Model.read(path.read_bytes())
    if model.encoder.crosses:
        raise ModelFileInvalid(
            "a model of crossed columns is no estimator over columns: score with `confide model predict`"
        )
    parameters = dict(model.file.algorithm.parameters)
    loss = parameters.pop("loss")
    for kind in KINDS:
        if (kind.algorithm, kind.loss) == (model.file.algorithm.name, loss):
            estimator = kind(**parameters)
            estimator.model_, estimator.n_features_in_ = model, len(model.encoder.fields)
            if isinstance(estimator, Classifier):
                estimator.classes_ = np.array([0, 1])
            return estimator
    raise ModelFileInvalid(f"no estimator for {model.file.algorithm.name} with the loss {loss}")
