"""An ONNX graph put together node by node; names of values are numbers, those of inputs and outputs are given."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emovae.portable import needed

OPSET, IR_VERSION = 17, 8
"""Old enough for every onnxruntime from 1.18 on, whatever onnx writes the file."""

Array = NDArray[Any]


class Graph:
    """What has been said of a graph so far; a value is known by its name."""

    def __init__(self) -> None:
        self._onnx = needed("onnx")
        self._nodes = list[Any]()
        self._constants = list[Any]()

    def op(self, kind: str, *inputs: str, before: int = 0, after: int = 0, **settings: Any) -> str:
        """One node; the name of the one of its outputs that is read.

        Args:
            kind: the operator.
            inputs: names; an empty one is an input left away.
            before: how many others come before that.
            after: how many follow it that an operator must have.
            settings: its attributes.
        """
        name = f"v{len(self._nodes)}"
        names = [*[""] * before, name, *(f"{name}_{place}" for place in range(after))]
        self._nodes.append(self._onnx.helper.make_node(kind, list(inputs), names, **settings))
        return name

    def constant(self, value: Array | float, dtype: Any = np.float32) -> str:
        """The name of an array that the file holds."""
        name = f"c{len(self._constants)}"
        array = np.ascontiguousarray(np.asarray(value, dtype)).reshape(np.shape(value))
        self._constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def whole(self, *values: int) -> str:
        """Whole numbers, int64 [number]."""
        return self.constant(np.array(values), np.int64)

    def cast(self, value: str, dtype: Any) -> str:
        """The same numbers in another type."""
        return self.op("Cast", value, to=self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def size(self, value: str, axis: int) -> str:
        """The length of an axis, int64 [1]."""
        return self.op("Shape", value, start=axis, end=axis + 1)

    def up_to(self, count: str) -> str:
        """0, 1, ... below a count [1], int64 [count]."""
        return self.op("Range", self.constant(0, np.int64), self.op("Squeeze", count), self.constant(1, np.int64))

    def model(self, name: str, inputs: Mapping[str, Any], outputs: Mapping[str, tuple[str, Any]]) -> Any:
        """The whole as an ONNX model.

        Args:
            name: of the graph.
            inputs: the type and the axes of each, as `(dtype, axes)`.
            outputs: of each the value that it is, and its `(dtype, axes)`.
        """
        helper = self._onnx.helper
        nodes = list(self._nodes)
        told = []
        for title, (value, kind) in outputs.items():
            nodes.append(helper.make_node("Identity", [value], [title]))
            told.append(self._value(title, *kind))
        graph = helper.make_graph(
            nodes, name, [self._value(title, *kind) for title, kind in inputs.items()], told, self._constants
        )
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="emovae")

    def _value(self, name: str, dtype: Any, axes: tuple[str, ...]) -> Any:
        helper = self._onnx.helper
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), axes)
