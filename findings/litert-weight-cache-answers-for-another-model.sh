#!/bin/sh
# In LiteRT, a model answers with another model's weights when both use one XNNPACK weight cache
#
# Expected: The docstring of CpuOptions calls xnnpack_weight_cache_path a directory. One directory serves all models
#   of an installation, an entry belongs to its model, and a changed model gets a new entry.
# Seen: The path has to be a file. With a directory, there is an error on stderr and no cache, but still a result.
#   With a file, the first model fills it. Now and in later processes, a second model of the same architecture with
#   other weights (a retrained one) then gives exactly the first model's answers, without a warning.
# Seen with: ai-edge-litert 2.3.0, Python 3.11.
# Why it matters: A retrained model that replaces its predecessor has no effect until someone deletes the cache. The
#   name of the cache must contain the digest of the model.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check ai-edge-litert==2.3.0 numpy==2.4.6 flatbuffers==25.12.19
cat > check.py <<'PY'
import json, os, subprocess, sys
from importlib.metadata import version

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.compiled_model import CompiledModel
from ai_edge_litert.cpu_options import CpuOptions
from ai_edge_litert.hardware_accelerator import HardwareAccelerator
from ai_edge_litert.options import Options

print("ai-edge-litert", version("ai-edge-litert"))


def dense_model(weights):
    """Return a TFLite file with one fully connected layer without bias."""
    rows, columns = weights.shape
    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT(), schema.BufferT()]
    model.buffers[1].data = np.frombuffer(weights.astype(np.float32).tobytes(), dtype=np.uint8)
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    graph = schema.SubGraphT()
    graph.tensors = []
    for name, shape, buffer in (("input", (1, columns), 0), ("weights", (rows, columns), 1), ("output", (1, rows), 0)):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name.encode(), np.array(shape, np.int32), buffer
        graph.tensors.append(tensor)
    layer = schema.OperatorT()
    layer.inputs, layer.outputs = np.array([0, 1, -1], np.int32), np.array([2], np.int32)
    layer.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    layer.builtinOptions = schema.FullyConnectedOptionsT()
    graph.inputs, graph.outputs, graph.operators = np.array([0], np.int32), np.array([2], np.int32), [layer]
    model.operatorCodes, model.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def run(path, cache=""):
    cpu = CpuOptions(num_threads=1, xnnpack_weight_cache_path=cache)
    model = CompiledModel.from_file(path, options=Options(HardwareAccelerator.CPU, cpu_options=cpu))
    inputs, outputs = model.create_input_buffers(0), model.create_output_buffers(0)
    inputs[0].write(np.ones((1, 64), np.float32))
    model.run_by_index(0, inputs, outputs)
    return outputs[0].read(8, np.float32)


if len(sys.argv) == 3:
    print(json.dumps(run(*sys.argv[1:]).tolist()))
    sys.exit()
weights = np.random.default_rng(1).normal(size=(8, 64))
for name, factor in (("first.tflite", 1), ("second.tflite", 10)):
    with open(name, "wb") as file:
        file.write(dense_model(weights * factor))
alone = {name: run(name) for name in ("first.tflite", "second.tflite")}
os.mkdir("directory")
in_directory = {name: run(name, "directory") for name in alone}
shared = {name: run(name, "shared.cache") for name in alone}
command = [sys.executable, __file__, "second.tflite", "shared.cache"]
later = np.array(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]))
apart = {name: run(name, f"{name}.cache") for name in alone}
for title, results in (("no cache", alone), ("directory", in_directory), ("one file", shared), ("a file each", apart)):
    for name, values in results.items():
        print(f"{title}, {name}: {np.round(values[:3], 3)}")
print(f"one file, second.tflite in another process: {np.round(later[:3], 3)}")
print("in the directory:", os.listdir("directory"))


def same(left, right):
    return np.allclose(left, right, rtol=1e-4, atol=1e-4)


as_described = (
    same(alone["second.tflite"], 10 * alone["first.tflite"])
    and same(shared["first.tflite"], alone["first.tflite"])
    and np.array_equal(shared["second.tflite"], shared["first.tflite"])
    and same(later, alone["first.tflite"])
    and all(same(apart[name], alone[name]) and same(in_directory[name], alone[name]) for name in alone)
    and not os.listdir("directory")
)
sys.exit(None if as_described else "not as described")
PY
venv/bin/python check.py 2> errors || { cat errors; exit 1; }
grep "weight_cache.cc" errors
echo "as described"
