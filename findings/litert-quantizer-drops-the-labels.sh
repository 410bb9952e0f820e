#!/bin/sh
# litert-quantizer drops the labels that a TFLite file carries, while the metadata in the file still name them
#
# Expected: Quantising changes weights and types. Labels and description stay in the file: a ZIP archive behind the
#   model, and a TFLITE_METADATA entry that names the files in it. MediaPipe and the TFLite Task Library want them
#   there.
# Seen: The ZIP archive is gone without a warning, and the printed quantization ratio counts it as saved. The
#   TFLITE_METADATA entry stays and names a label file that no longer exists.
# Seen with: litert-quantizer 0.11.0, ai-edge-litert 2.3.0.
# Why it matters: A classifier that had names has only numbers afterwards. A product that reads labels from the file
#   must report the missing one, and whoever quantises a model has to append the archive again.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check litert-quantizer==0.11.0 ai-edge-litert==2.3.0 numpy==2.4.6 flatbuffers==25.12.19
cat > check.py <<'PY'
import sys, zipfile
from importlib.metadata import version

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from litert_quantizer import quantizer, recipe

print("litert-quantizer", version("litert-quantizer"), "ai-edge-litert", version("ai-edge-litert"))


def description():
    """Return the smallest ModelMetadata of the metadata schema: a name, and one associated file."""
    builder = flatbuffers.Builder(256)
    name, labels = builder.CreateString("tiny"), builder.CreateString("labels.txt")
    builder.StartObject(4)
    builder.PrependUOffsetTRelativeSlot(0, labels, 0)
    file = builder.EndObject()
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(file)
    files = builder.EndVector()
    builder.StartObject(8)
    builder.PrependUOffsetTRelativeSlot(0, name, 0)
    builder.PrependUOffsetTRelativeSlot(6, files, 0)
    builder.Finish(builder.EndObject(), b"M001")
    return bytes(builder.Output())


def classifier():
    """Return a TFLite file with one fully connected layer and a description."""
    weights = np.random.default_rng(1).normal(size=(8, 64)).astype(np.float32)
    model = schema.ModelT()
    model.version, model.buffers = 3, [schema.BufferT(), schema.BufferT(), schema.BufferT()]
    model.buffers[1].data = np.frombuffer(weights.tobytes(), dtype=np.uint8)
    model.buffers[2].data = np.frombuffer(description(), dtype=np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = b"TFLITE_METADATA", 2
    model.metadata = [entry]
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    code.version = 1
    graph = schema.SubGraphT()
    graph.tensors = []
    for name, shape, buffer in (("input", (1, 64), 0), ("weights", (8, 64), 1), ("output", (1, 8), 0)):
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


def look(path):
    """Return the names in the archive behind a model, its metadata entries that name the labels, and whether it runs."""
    names = zipfile.ZipFile(path).namelist() if zipfile.is_zipfile(path) else []
    with open(path, "rb") as file:
        model = schema.ModelT.InitFromPackedBuf(file.read(), 0)
    named = [each.name.decode() for each in model.metadata or [] if b"labels.txt" in bytes(model.buffers[each.buffer].data)]
    Interpreter(model_path=path, num_threads=1).allocate_tensors()
    return names, named


with open("float.tflite", "wb") as file:
    file.write(classifier())
with zipfile.ZipFile("float.tflite", "a") as archive:
    archive.writestr("labels.txt", "".join(f"label {number}\n" for number in range(8)))
quantizer.Quantizer("float.tflite", recipe.dynamic_wi8_afp32()).quantize().export_model("quantised.tflite")
seen = look("float.tflite"), look("quantised.tflite")
for name, (files, entries) in zip(("float.tflite", "quantised.tflite"), seen, strict=True):
    print(f"{name}: archive {files}, named by {entries}")
if seen != ((["labels.txt"], ["TFLITE_METADATA"]), ([], ["TFLITE_METADATA"])):
    sys.exit("not as described")
PY
venv/bin/python check.py 2> errors || { cat errors; exit 1; }
echo "as described"
