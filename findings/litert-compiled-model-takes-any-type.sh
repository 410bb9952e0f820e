#!/bin/sh
# LiteRT's CompiledModel takes the pixels of a picture for the bytes of floats
#
# Expected: A model with a float32 input refuses or converts a uint8 array. It also refuses an array that is too
#   short. Interpreter.set_tensor() of the same package does refuse both. read() returns the output in the requested
#   type or refuses.
# Seen: TensorBuffer.write() checks only that it knows the type and that the array is not too long. It copies the
#   bytes of a uint8 or int32 array as they are, and the model runs on meaningless floats. After a short array, the
#   rest of the buffer keeps its old values. read() with another type returns the bits of the floats as integers.
#   There is no error or warning.
# Seen with: ai-edge-litert 2.3.0, Python 3.11.
# Why it matters: Decoded pictures are uint8. Code that moves from Interpreter to CompiledModel loses the error that
#   told it to normalise, and the tags become random. Compare type and size with get_input_tensor_details() before
#   each write.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ai-edge-litert==2.3.0 numpy==2.4.6 flatbuffers==25.12.19
cat > check.py <<'PY'
import sys
from importlib.metadata import version

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.hardware_accelerator import HardwareAccelerator
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.options import Options

print("ai-edge-litert", version("ai-edge-litert"))


def doubling_model(size):
    """Return a TFLite file that adds its float32 input to itself."""
    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT()]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.ADD
    code.version = 1
    graph = schema.SubGraphT()
    graph.tensors = []
    for name in ("input", "output"):
        tensor = schema.TensorT()
        tensor.name, tensor.shape = name.encode(), np.array([1, size], np.int32)
        graph.tensors.append(tensor)
    layer = schema.OperatorT()
    layer.inputs, layer.outputs = np.array([0, 0], np.int32), np.array([1], np.int32)
    layer.builtinOptionsType, layer.builtinOptions = schema.BuiltinOptions.AddOptions, schema.AddOptionsT()
    graph.inputs, graph.outputs, graph.operators = np.array([0], np.int32), np.array([1], np.int32), [layer]
    model.operatorCodes, model.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


content = doubling_model(4)
with open("double.tflite", "wb") as file:
    file.write(content)
compiled = CompiledModel.from_file("double.tflite", options=Options(HardwareAccelerator.CPU))
interpreter = Interpreter(model_content=content, num_threads=1)
interpreter.allocate_tensors()


def by_compiled_model(array, kind=np.float32):
    inputs, outputs = compiled.create_input_buffers(0), compiled.create_output_buffers(0)
    inputs[0].write(np.full((1, 4), 7, np.float32))
    inputs[0].write(array)
    compiled.run_by_index(0, inputs, outputs)
    return outputs[0].read(4, kind).tolist()


def by_interpreter(array):
    try:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], array)
    except ValueError as error:
        return type(error).__name__
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].tolist()


pixels = np.array([[0, 0, 128, 63]], np.uint8)
cases = {
    "float32": (np.array([[1, 2, 3, 4]], np.float32), [2.0, 4.0, 6.0, 8.0], [2.0, 4.0, 6.0, 8.0]),
    "uint8": (pixels, "ValueError", [2.0, 14.0, 14.0, 14.0]),
    "int32": (np.full((1, 4), 0x3F800000, np.int32), "ValueError", [2.0, 2.0, 2.0, 2.0]),
    "float32, too short": (np.array([[1, 2]], np.float32), "ValueError", [2.0, 4.0, 14.0, 14.0]),
}
for name, (array, wanted_interpreter, wanted_compiled) in cases.items():
    seen = by_interpreter(array), by_compiled_model(array)
    print(f"{name} {array.tolist()}: Interpreter {seen[0]}, CompiledModel {seen[1]}")
    if seen != (wanted_interpreter, wanted_compiled):
        sys.exit(f"not as described: wanted {wanted_interpreter}, {wanted_compiled}")
bits = by_compiled_model(np.array([[1, 2, 3, 4]], np.float32), np.int32)
print("2, 4, 6, 8 read as int32:", bits)
if bits != np.array([2, 4, 6, 8], np.float32).view(np.int32).tolist():
    sys.exit("not as described")
PY
venv/bin/python check.py 2> errors || { cat errors; exit 1; }
echo "as described"
