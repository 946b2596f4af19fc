"""Peak rates of one core: multiply-adds, and reading memory.

The peak is the best of many matrix products of size 512^3 in ONNX Runtime, which also runs the
model. The read rate is the best of many dot products of an array with itself; small arrays are read
from a cache.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from streamgenre.model.session import session

_SIDE = 512  # of the matrices


def _best(work: Callable[[], object], rounds: int) -> float:
    best = math.inf
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def mac_rate(rounds: int) -> float:
    """float32 multiply-adds per second of one core."""
    from onnx import TensorProto, helper

    shape = [_SIDE, _SIDE]
    given, result = (helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in "ac")
    matrix = np.random.default_rng(0).standard_normal(shape, np.float32)
    weight = helper.make_tensor("b", TensorProto.FLOAT, shape, matrix.tobytes(), raw=True)
    node = helper.make_node("MatMul", ["a", "b"], ["c"])
    graph = helper.make_graph([node], "product", [given], [result], [weight])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    product = session(model.SerializeToString())
    return float(_SIDE**3 / _best(lambda: product.run(None, {"a": matrix}), rounds))


def read_rate(size: int, rounds: int) -> float:
    """Bytes per second of one core, for an array that is read repeatedly."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    array = np.ones(max(1, size // 4), np.float32)
    repeats = max(1, 2**20 // array.nbytes)  # so that a call exceeds the resolution of the clock

    def work() -> None:
        for _ in range(repeats):
            np.dot(array, array)

    with threadpool_limits(1):
        return repeats * array.nbytes / _best(work, rounds)
