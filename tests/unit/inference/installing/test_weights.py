"""The reader of PyTorch's legacy files gives the right numbers and runs nothing."""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autotag.inference.errors import ModelRejected
from autotag.inference.installing.weights import MAGIC_NUMBER, PROTOCOL_VERSION, read_state

SYSTEM = {"protocol_version": PROTOCOL_VERSION, "little_endian": True}


class Storage:
    """A storage to be written: its elements follow the pickles in the file."""

    def __init__(self, kind: Any, key: str, values: list[float]) -> None:
        self.kind, self.key = kind, key
        self.content = np.array(values, "<f4" if kind.__name__ == "FloatStorage" else "<i8")


class FakeTensor:
    """Pickled the way PyTorch pickles a tensor."""

    def __init__(self, storage: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.description = (storage, offset, shape, strides, False, OrderedDict())

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.modules["torch._utils"]._rebuild_tensor_v2, self.description


class StoragePickler(pickle.Pickler):
    """Writes storages as the persistent ids that PyTorch uses."""

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, Storage):
            return ("storage", value.kind, value.key, "cpu", value.content.size, None)
        return None


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Just enough of PyTorch to write its file format."""
    package, internals = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "HalfStorage"):
        setattr(package, name, type(name, (), {"__module__": "torch"}))

    def rebuild(*_: Any) -> None:
        """Only its name is written."""

    rebuild.__module__, rebuild.__qualname__, rebuild.__name__ = ("torch._utils", *["_rebuild_tensor_v2"] * 2)
    internals._rebuild_tensor_v2 = rebuild
    monkeypatch.setitem(sys.modules, "torch", package)
    monkeypatch.setitem(sys.modules, "torch._utils", internals)
    return package


@pytest.fixture
def write(tmp_path: Path, torch: types.ModuleType) -> Callable[..., Path]:
    """Writes a legacy file with a state and its storages."""

    def write_file(
        state: Any, storages: list[Storage], magic: int = MAGIC_NUMBER, version: int = PROTOCOL_VERSION
    ) -> Path:
        path = tmp_path / "weights.pth"
        with path.open("wb") as stream:
            for value in (magic, version, SYSTEM):
                pickle.dump(value, stream, protocol=2)
            StoragePickler(stream, protocol=2).dump(state)
            pickle.dump([storage.key for storage in storages], stream, protocol=2)
            for storage in storages:
                stream.write(storage.content.size.to_bytes(8, "little") + storage.content.tobytes())
        return path

    return write_file


def test_tensors_come_back_with_their_strides_offsets_and_types(
    write: Callable[..., Path], torch: types.ModuleType
) -> None:
    floats = Storage(torch.FloatStorage, "1", [0, 1, 2, 3, 4, 5, 6])
    whole = Storage(torch.LongStorage, "2", [42])
    state = OrderedDict(turned=FakeTensor(floats, 1, (2, 3), (1, 2)), count=FakeTensor(whole, 0, (), ()))

    tensors = read_state(write(state, [floats, whole]))

    assert tensors["turned"].dtype == np.float32
    assert tensors["turned"].tolist() == [[1, 3, 5], [2, 4, 6]]
    assert tensors["count"].item() == 42


class Payload:
    """What an attacker would put in a pickle."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


@pytest.mark.parametrize(
    "function", [os.system, eval, exec, __import__, getattr], ids=lambda item: item.__name__
)
def test_a_pickle_that_calls_anything_is_refused_before_it_runs(
    write: Callable[..., Path], tmp_path: Path, function: Any
) -> None:
    trace = tmp_path / "it-ran"
    path = write({"payload": Payload(function, f"touch {trace}")}, [])

    with pytest.raises(ModelRejected, match="asks for") as refusal:
        read_state(path)

    assert refusal.value.code == "weights_refused"
    assert not trace.exists()


def test_a_storage_of_another_type_is_refused(write: Callable[..., Path], torch: types.ModuleType) -> None:
    half = Storage(torch.HalfStorage, "1", [1])
    path = write({"a": FakeTensor(half, 0, (1,), (1,))}, [half])

    with pytest.raises(ModelRejected, match=r"asks for torch\.HalfStorage"):
        read_state(path)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(4, (1,), (1,)), (0, (5,), (1,)), (0, (2, 2), (3, 1)), (-1, (1,), (1,)), (0, (2,), (1, 1))],
    ids=["offset", "length", "stride", "negative", "dimensions"],
)
def test_a_tensor_that_reaches_outside_its_storage_is_refused(
    write: Callable[..., Path], torch: types.ModuleType, offset: int, shape: Any, strides: Any
) -> None:
    storage = Storage(torch.FloatStorage, "1", [0, 1, 2, 3])
    path = write({"a": FakeTensor(storage, offset, shape, strides)}, [storage])

    with pytest.raises(ModelRejected, match="tensor") as refusal:
        read_state(path)
    assert refusal.value.code == "weights_refused"


def test_a_file_cut_off_in_its_numbers_is_refused(
    write: Callable[..., Path], torch: types.ModuleType
) -> None:
    storage = Storage(torch.FloatStorage, "1", [0, 1, 2, 3])
    path = write({"a": FakeTensor(storage, 0, (4,), (1,))}, [storage])
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(ModelRejected, match="shorter or longer"):
        read_state(path)


@pytest.mark.parametrize(
    ("changes", "reason"), [({"magic": 7}, "magic number"), ({"version": 7}, "protocol version is 7")]
)
def test_another_format_is_refused(write: Callable[..., Path], changes: dict[str, int], reason: str) -> None:
    with pytest.raises(ModelRejected, match=reason):
        read_state(write({}, [], **changes))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip file", b"\x80\x02"], ids=["empty", "zip", "cut"])
def test_what_is_no_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)

    with pytest.raises(ModelRejected, match=r"weights\.pth"):
        read_state(path)


def test_something_other_than_tensors_is_refused(write: Callable[..., Path]) -> None:
    with pytest.raises(ModelRejected, match="other than tensors"):
        read_state(write({"a": 1}, []))


def test_only_the_pinned_file_is_read(write: Callable[..., Path], torch: types.ModuleType) -> None:
    storage = Storage(torch.FloatStorage, "1", [1])
    path = write({"a": FakeTensor(storage, 0, (1,), (1,))}, [storage])

    assert read_state(path, hashlib.sha256(path.read_bytes()).hexdigest())["a"].tolist() == [1]
    with pytest.raises(ModelRejected, match="SHA-256"):
        read_state(path, "0" * 64)
