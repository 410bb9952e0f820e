"""A model that an administrator imported tags what is uploaded where it is chosen, and only there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Installation, Photograph, Tenant

SHARED_MODELS = Path(__file__).resolve().parents[2].parent / "shared" / "models"
NAME = "inception-v1-googlenet"
DEFAULT = "efficientnet-lite0"
TRUE_LABEL_IN_TAGS = 9


@pytest.fixture(scope="module")
def modelled(start_installation: Callable[..., Installation]) -> Installation:
    """An installation in which the model is imported while it runs."""
    weights, labels = SHARED_MODELS / f"{NAME}.tflite", SHARED_MODELS / "imagenet-labels.txt"
    if not weights.is_file():
        pytest.skip("the model for tests (../shared/models) is not beside this clone")
    installation = start_installation(1)
    done = installation.run(
        *("models", "import", str(weights), "--name", NAME, "--labels", str(labels)),
        *("--mean", "123,117,104", "--std", "1"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    return installation


@pytest.fixture(scope="module")
def chosen(modelled: Installation) -> Tenant:
    """A virtual instance that chose the model."""
    tenant = modelled.tenant("googlenet")
    tenant.configure("tensorflow", model=NAME, enabled="true")
    return tenant


def models_that_tagged(installation: Installation, ids: list[int]) -> set[tuple[str, str]]:
    rows = installation.database.rows(
        "SELECT DISTINCT provider, model FROM tag_assignment WHERE document_id IN :ids", ids=ids
    )
    return {(row["provider"], row["model"]) for row in rows}


def test_uploads_are_tagged_by_the_model_that_the_instance_chose(
    modelled: Installation, chosen: Tenant, photographs: list[Photograph]
) -> None:
    documents = {chosen.client.upload(item.path.name, item.content): item.label for item in photographs[::5]}
    ids = list(documents)
    modelled.wait_final(ids)
    assert models_that_tagged(modelled, ids) == {("tensorflow", NAME)}
    right = sum(label in modelled.database.tags(key) for key, label in documents.items())
    assert (len(ids), right >= TRUE_LABEL_IN_TAGS) == (12, True)


def test_its_predictions_are_kept_with_its_name_and_digest(
    modelled: Installation, chosen: Tenant, photographs: list[Photograph]
) -> None:
    document_id = chosen.client.upload("one.jpg", photographs[1].content)
    modelled.wait_final([document_id])
    (row,) = modelled.database.rows(
        "SELECT model, model_version FROM prediction_set WHERE instance_id = :id AND sha256 = :sha256",
        id=chosen.id,
        sha256=modelled.database.document(document_id)["sha256"],
    )
    assert (row["model"], len(row["model_version"])) == (NAME, 64)


def test_other_instances_keep_their_own_model(
    modelled: Installation, chosen: Tenant, photographs: list[Photograph]
) -> None:
    ids = [modelled.client().upload(item.path.name, item.content) for item in photographs[:3]]
    modelled.wait_final(ids)
    assert models_that_tagged(modelled, ids) == {("tensorflow", DEFAULT)}


def test_a_choice_acts_on_the_next_upload_and_bytes_seen_before_are_looked_at_anew(
    modelled: Installation, photographs: list[Photograph]
) -> None:
    tenant = modelled.tenant("changing")
    tenant.configure("tensorflow", enabled="true")
    for model in (DEFAULT, NAME, DEFAULT):
        tenant.configure("tensorflow", model=model)
        document_id = tenant.client.upload("same.jpg", photographs[2].content)
        modelled.wait_final([document_id])
        assert models_that_tagged(modelled, [document_id]) == {("tensorflow", model)}


def test_a_model_that_is_not_installed_cannot_be_chosen(modelled: Installation, chosen: Tenant) -> None:
    done = modelled.run(
        *("config", "set", "--scope", "instance", "--instance", chosen.web_id),
        *("tensorflow", "model", "no-such-model"),
    )
    assert done.returncode == 1
    assert "model" in done.stderr
    assert "Traceback" not in done.stderr
