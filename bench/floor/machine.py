"""Peak rates of one core: multiply-adds, and reading memory.

The peak is the best of many matrix products of size 512^3 in ONNX Runtime, which also runs the
model. The read rate is the best of many dot products of an array with itself; small arrays are read
from a cache.
"""

from __future__ import annotations

import timeit

import numpy as np

from streamgenre.model.session import session

_SIDE = 512  # of the matrices


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
    times = timeit.repeat(lambda: product.run(None, {"a": matrix}), number=1, repeat=rounds)
    return float(_SIDE**3 / min(times))


def read_rate(size: int, rounds: int) -> float:
    """Bytes per second of one core, for an array that is read repeatedly."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    array = np.ones(max(1, size // 4), np.float32)
    repeats = max(1, 2**20 // array.nbytes)  # so that a call exceeds the resolution of the clock

    with threadpool_limits(1):
        times = timeit.repeat(lambda: np.dot(array, array), number=repeats, repeat=rounds)
    return repeats * array.nbytes / min(times)
