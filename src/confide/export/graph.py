"""A graph in the making: names for what flows through it, in the order in which it is computed."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET: Final = 18
ML_OPSET: Final = 3
IR_VERSION: Final = 9
"""What runtimes of 2023 and later read."""
ML: Final = "ai.onnx.ml"


class Graph:
    """Nodes, constants, inputs; every method returns the name of what it adds."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, kind: int) -> str:
        """(rows,) of a type of TensorProto."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, ["rows"]))
        return name

    def constant(self, value: npt.ArrayLike, dtype: npt.DTypeLike) -> str:
        """An array that is part of the model."""
        name = f"constant{len(self._constants)}"
        array = np.ascontiguousarray(np.asarray(value, dtype))
        self._constants.append(numpy_helper.from_array(array.reshape(np.shape(value)), name))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """One node with one output."""
        name = f"{operator.lower()}{len(self._nodes)}"
        self._nodes.append(
            helper.make_node(operator, list(inputs), [name], name=name, domain=domain, **attributes)
        )
        return name

    def cast(self, value: str, kind: int) -> str:
        """To a type of TensorProto."""
        return self.add("Cast", value, to=kind)

    def sum(self, value: str, axis: int) -> str:
        """Over one axis, which then is no more."""
        return self.add("ReduceSum", value, self.constant([axis], np.int64), keepdims=0)

    def column(self, value: str) -> str:
        """(rows,) as (rows, 1)."""
        return self.add("Unsqueeze", value, self.constant([1], np.int64))

    def model(self, output: str, name: str, metadata: dict[str, str]) -> onnx.ModelProto:
        """The whole, checked by ONNX itself; the output is called `prediction`, float32 (rows,)."""
        self._nodes.append(helper.make_node("Identity", [output], ["prediction"]))
        told = helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["rows"])
        graph = helper.make_graph(self._nodes, name, self._inputs, [told], self._constants)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="confide")
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model
