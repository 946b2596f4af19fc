"""Classifiers by name: all of the FMA data set's table, and the two shallow ones of Irvin et al.

Sources: Defferrard, Benzi, Vandergheynst, Bresson, "FMA: A Dataset for Music Analysis" (2017) and
its public code, mdeff/fma (baselines.ipynb), which ran scikit-learn 0.18 on standardised columns
with its defaults; Irvin, Chartock, Hollander, "Recurrent Neural Networks with Attention for Genre
Classification" (2016), for `svm-rbf-ovr` and `softmax`. The latter does not state the strength of
the regularisation; here C = 1, and gamma is one over the number of columns.

Differences of the current scikit-learn, and how they are handled:
- `lr`: the default was a logistic regression for each class against the rest, with liblinear. The
  same is used here. kNN uses all rows if there are fewer than 200.
- SVMs: gamma was one over the number of columns, as it is here. If two classes have the same number
  of votes, the sums of their scores decide instead of the order of the classes.
- `adaboost` was SAMME.R, which was removed. SAMME is used instead.
- `qda` accepted singular covariances with a warning, and now rejects them. So each covariance is
  shrunk by a thousandth towards its mean variance, which is another model for classes of few rows.
- Rows are not shuffled beforehand. Only the two MLPs depend on the order, and they shuffle.

Probabilities are those of the models. For SVMs, which have none, they are a softmax of the scores
of each class against the others. It keeps the decision, which Platt scaling does not, and is not
calibrated.
"""

# scikit-learn is not typed.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import AdaBoostClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from ...inference.decisions import softmax

NEIGHBOURS = 200
SHRINKAGE = 1e-3
MLP_EPOCHS = 2_000  # at most; training stops when the loss no longer decreases


class OneVsRestRBF(ClassifierMixin, BaseEstimator):
    """An RBF SVM for each class against the rest, all on one kernel matrix.

    libsvm would compute the kernel again for every class, entry by entry. For the 11,286 columns of
    spectrograms this takes hours, a matrix product takes seconds.
    """

    def fit(self, rows: np.ndarray, labels: np.ndarray) -> OneVsRestRBF:
        """Fit to rows (N, D) with labels (N,)."""
        self.rows_ = rows
        self.model_ = OneVsRestClassifier(SVC(kernel="precomputed"))
        self.model_.fit(self._kernel(rows), labels)
        self.classes_ = self.model_.classes_
        return self

    def decision_function(self, rows: np.ndarray) -> np.ndarray:
        """Scores (M, C) of rows (M, D); (M,) for two classes."""
        return np.asarray(self.model_.decision_function(self._kernel(rows)))

    def _kernel(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(rbf_kernel(rows, self.rows_, gamma=1 / rows.shape[1]), np.float64)


def _svm(**arguments: Any) -> SVC:
    return SVC(gamma="auto", break_ties=True, **arguments)


MODELS: dict[str, Callable[[int, int], Any]] = {
    "lr": lambda seed, _: OneVsRestClassifier(
        LogisticRegression(solver="liblinear", random_state=seed)
    ),
    "knn200": lambda _, rows: KNeighborsClassifier(min(NEIGHBOURS, rows)),
    "svm-rbf": lambda seed, _: _svm(kernel="rbf", random_state=seed),
    "svm-poly1": lambda seed, _: _svm(kernel="poly", degree=1, random_state=seed),
    "svm-linear": lambda seed, _: _svm(kernel="linear", random_state=seed),
    "linear-svc": lambda seed, _: LinearSVC(random_state=seed),
    "tree5": lambda seed, _: DecisionTreeClassifier(max_depth=5, random_state=seed),
    "rf10-5": lambda seed, _: RandomForestClassifier(
        n_estimators=10, max_depth=5, max_features=1, random_state=seed
    ),
    "adaboost": lambda seed, _: AdaBoostClassifier(n_estimators=10, random_state=seed),
    "mlp100": lambda seed, _: MLPClassifier((100,), max_iter=MLP_EPOCHS, random_state=seed),
    "mlp200-50": lambda seed, _: MLPClassifier((200, 50), max_iter=MLP_EPOCHS, random_state=seed),
    "nb": lambda _, __: GaussianNB(),
    "qda": lambda _, __: QuadraticDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE),
    "svm-rbf-ovr": lambda _, __: OneVsRestRBF(),
    "softmax": lambda seed, _: LogisticRegression(solver="newton-cg", random_state=seed),
}
"""Name -> function that returns the untrained model for a seed and a number of training rows."""


@dataclass(frozen=True)
class Classifier:
    """A trained model; columns are standardised with the constants of the training rows."""

    pipeline: Any
    classes: int

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Rows (M, D) -> (M, C), each summing to 1; 0 for a class that had no training row."""
        if hasattr(self.pipeline, "predict_proba"):
            known = self.pipeline.predict_proba(rows)
        else:
            scores = self.pipeline.decision_function(rows)
            known = softmax(scores if scores.ndim == 2 else np.stack([-scores, scores], 1))
        probabilities = np.zeros((len(rows), self.classes))
        probabilities[:, self.pipeline.classes_] = known
        return probabilities

    @property
    def parameters(self) -> int:
        """Number of values that the model stores, without those of the standardisation.

        For an SVM with a kernel: its support vectors, each once, their coefficients and the
        offsets. For kNN: its training rows. For trees: feature and threshold of each branch, and
        the probabilities of each leaf.
        """
        return _numbers(self.pipeline[-1])


def fit(name: str, rows: np.ndarray, labels: np.ndarray, classes: int, seed: int) -> Classifier:
    """Fit the named model to rows (N, D) with labels (N,) from 0 to `classes` - 1.

    Raises ValueError for an unknown name.
    """
    if name not in MODELS:
        raise ValueError(f"unknown classifier {name!r}: one of {', '.join(MODELS)}")
    pipeline = make_pipeline(StandardScaler(), MODELS[name](seed, len(rows)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the defaults, as published
        return Classifier(pipeline.fit(rows, labels), classes)


KEPT = (
    *("coef_", "intercept_", "coefs_", "intercepts_"),  # linear models, MLPs
    *("theta_", "var_", "class_prior_"),  # naive Bayes
    *("means_", "rotations_", "scalings_", "priors_"),  # quadratic discriminants
    "_fit_X",  # nearest neighbours
)
"""Attributes with the stored values of the models that need no special case below."""


def _numbers(model: Any) -> int:
    if isinstance(model, OneVsRestRBF):
        machines = model.model_.estimators_
        support = set().union(*(one.support_.tolist() for one in machines))
        own = sum(one.dual_coef_.size + one.intercept_.size for one in machines)
        return int(len(support) * model.rows_.shape[1] + own)
    if isinstance(model, SVC):
        return int(model.support_vectors_.size + model.dual_coef_.size + model.intercept_.size)
    if hasattr(model, "estimators_"):
        return sum(_numbers(one) for one in model.estimators_)
    if hasattr(model, "tree_"):
        leaves = model.tree_.n_leaves
        return int(2 * (model.tree_.node_count - leaves) + leaves * len(model.classes_))
    return sum(_sizes(getattr(model, name)) for name in KEPT if hasattr(model, name))


def _sizes(kept: Any) -> int:
    return sum(map(_sizes, kept)) if isinstance(kept, list) else int(np.size(kept))


def stacked(
    known: Sequence[np.ndarray], labels: np.ndarray, asked: Sequence[np.ndarray]
) -> np.ndarray:
    """Stack networks with an SVM on their probabilities; return probabilities (M, C).

    The last stage of Bian, Wang, Zhuang, Yang, Wang, Xiao, "Audio-Based Music Classification with
    DenseNet and Data Augmentation" (2019), which does not state the parameters of its SVM. Here it
    is a one-against-one RBF SVM on the concatenated probabilities with C = 1 and gamma = "scale",
    because probabilities are not standardised.

    Args:
        known: probabilities (N, C) of each network for tracks that it was not trained on.
        labels: labels (N,) of these tracks, from 0 to C - 1.
        asked: probabilities (M, C) of each network, in the same order.

    Raises ValueError if the shapes do not match.
    """
    shapes = [{part.shape for part in side} for side in (known, asked)]
    columns = {shape[1] for side in shapes for shape in side}
    if len(known) != len(asked) or len(columns) != 1 or any(len(side) != 1 for side in shapes):
        raise ValueError("the probabilities of the networks must have the shapes (N, C) and (M, C)")
    model = SVC(kernel="rbf", gamma="scale", break_ties=True)
    model.fit(np.concatenate(known, 1), labels)
    return Classifier(model, columns.pop()).probabilities(np.concatenate(asked, 1))
