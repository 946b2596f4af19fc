"""Several networks' opinions joined by an SVM: the last stage of Bian et al.

Source: Bian, Wang, Zhuang, Yang, Wang, Xiao, "Audio-Based Music Classification with DenseNet and
Data Augmentation" (2019), which names stacking with an SVM. Silent on all else; chosen here: an
RBF SVM, one against one, on the networks' probabilities side by side, C = 1, gamma one over
columns times variance (scikit-learn's "scale", since probabilities are not standardised), fitted
on tracks that the networks were not: the validation split.
"""

# scikit-learn is not typed.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.svm import SVC

from .classifiers import Classifier


def stacked(
    known: Sequence[np.ndarray], labels: np.ndarray, asked: Sequence[np.ndarray]
) -> np.ndarray:
    """Probabilities (M, C) for what is asked: a softmax of the SVM's scores, as of all SVMs here.

    `known`, `asked`: of each network, in one order, its probabilities (N, C) and (M, C); `labels`
    (N,) of the known, from 0 to C - 1. Raises ValueError where the networks do not match.
    """
    shapes = [{part.shape for part in side} for side in (known, asked)]
    columns = {shape[1] for side in shapes for shape in side}
    if len(known) != len(asked) or len(columns) != 1 or any(len(side) != 1 for side in shapes):
        raise ValueError("every network gives (N, C) of the known and (M, C) of the asked")
    model = SVC(kernel="rbf", gamma="scale", break_ties=True)
    model.fit(np.concatenate(known, 1), labels)
    return Classifier(model, columns.pop()).probabilities(np.concatenate(asked, 1))
