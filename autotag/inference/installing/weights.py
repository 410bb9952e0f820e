"""Reads trained weights from PyTorch's legacy format without PyTorch, running nothing of the file.

The format (`torch.save` before version 1.6): a pickled magic number, a pickled protocol version, a pickled
description of the writing system, the pickled state dictionary whose storages are persistent ids, the pickled
list of storage keys, then each storage in that order as an 8-byte little-endian element count and the
elements. Source: `torch/serialization.py`, `_legacy_save`.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotag.inference.errors import ModelCode, ModelRejected

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
# Little-endian on disk, whatever this machine is.
ELEMENT_TYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


@dataclass(frozen=True, slots=True)
class StorageKind:
    """Stands for a storage class of PyTorch while the pickle is read."""

    name: str


@dataclass(frozen=True, slots=True)
class StorageReference:
    """A storage that the pickle mentions; its elements come later in the file."""

    kind: StorageKind
    key: str
    element_count: int


@dataclass(frozen=True, slots=True)
class TensorReference:
    """A tensor that the pickle describes: a view of one storage, offset and strides in elements."""

    storage: StorageReference
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state(path: Path, sha256: str | None = None) -> dict[str, NDArray[Any]]:
    """All tensors in the file at `path` by name, as float32 or int64 arrays (views, read only).

    Raises `ModelRejected` when the file's SHA-256 is not `sha256` (where given), when it is not in the legacy
    format, or when it asks for anything but tensors.
    """
    content = path.read_bytes()
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise _refused(f"{path.name} is not the file that this version knows (its SHA-256 differs)")
    stream = io.BytesIO(content)
    try:
        _expect_header(stream)
        state = _TensorUnpickler(stream).load()
        keys = _TensorUnpickler(stream).load()
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        KeyError,
    ) as error:
        raise _refused(f"{path.name} is not a PyTorch weights file in the legacy format: {error}") from error
    if not isinstance(state, Mapping) or not isinstance(keys, list):
        raise _refused(f"{path.name} holds no state dictionary")
    tensors = {str(name): value for name, value in state.items()}
    if not all(isinstance(value, TensorReference) for value in tensors.values()):
        raise _refused(f"{path.name} holds something other than tensors")
    storages = _read_storages(content, stream.tell(), keys, tensors)
    return {name: _tensor(name, value, storages) for name, value in tensors.items()}


def _refused(reason: str) -> ModelRejected:
    return ModelRejected(ModelCode.WEIGHTS_REFUSED, f"The weights were refused: {reason}.")


def _expect_header(stream: io.BytesIO) -> None:
    """Moves past the three pickles before the state dictionary, or raises `ModelRejected`."""
    if _TensorUnpickler(stream).load() != MAGIC_NUMBER:
        raise _refused("the file does not start with PyTorch's magic number")
    version = _TensorUnpickler(stream).load()
    if version != PROTOCOL_VERSION:
        raise _refused(f"the file's protocol version is {version}, not {PROTOCOL_VERSION}")
    system = _TensorUnpickler(stream).load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise _refused("the file was not written on a little-endian machine")


class _TensorUnpickler(pickle.Unpickler):
    """Admits the few names that a state dictionary needs; every other is refused, never imported."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        if (module_name, global_name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module_name, global_name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor_reference
        if module_name == "torch" and global_name in ELEMENT_TYPES:
            return StorageKind(global_name)
        raise _refused(f"the file asks for {module_name}.{global_name}")

    def persistent_load(self, pid: Any) -> StorageReference:
        match pid:
            case ("storage", StorageKind() as kind, str(key), str(), int(element_count), None):
                return StorageReference(kind, key, element_count)
        raise _refused("the file refers to something that is not a storage")


def _tensor_reference(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> TensorReference:
    """What the pickle calls to make a tensor; gradients and hooks are of no use here and are dropped."""
    numbers = (offset, *shape, *strides)
    if not isinstance(storage, StorageReference) or not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise _refused("a tensor is described wrongly")
    if len(shape) != len(strides):
        raise _refused("a tensor has more dimensions than strides")
    return TensorReference(storage, offset, tuple(shape), tuple(strides))


def _read_storages(
    content: bytes, position: int, keys: list[Any], tensors: Mapping[str, TensorReference]
) -> dict[str, NDArray[Any]]:
    """The elements of each storage by key, as views of `content`; the first starts at `position`."""
    references = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    storages: dict[str, NDArray[Any]] = {}
    for key in keys:
        reference = references.get(key)
        if reference is None:
            raise _refused(f"storage {key!r} belongs to no tensor")
        element_type = ELEMENT_TYPES[reference.kind.name]
        end = position + 8 + reference.element_count * element_type.itemsize
        count = int.from_bytes(content[position : position + 8], "little")
        if count != reference.element_count or end > len(content):
            raise _refused(f"storage {key!r} is shorter or longer than its tensors need")
        storages[key] = np.frombuffer(content, element_type, count, position + 8)
        position = end
    return storages


def _tensor(name: str, reference: TensorReference, storages: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """The tensor as a strided view of its storage, after checking that it stays inside."""
    storage = storages.get(reference.storage.key)
    if storage is None:
        raise _refused(f"the storage of tensor {name!r} is missing")
    reach = sum((size - 1) * stride for size, stride in zip(reference.shape, reference.strides, strict=True))
    # An empty tensor reaches nowhere; any other must end inside its storage, or the view would read foreign
    # memory.
    if 0 not in reference.shape and reference.offset + reach >= storage.size:
        raise _refused(f"tensor {name!r} reaches outside its storage")
    strides = tuple(stride * storage.itemsize for stride in reference.strides)
    return np.lib.stride_tricks.as_strided(
        storage[reference.offset :], reference.shape, strides, writeable=False
    )
