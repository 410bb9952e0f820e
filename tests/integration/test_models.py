"""A model that an administrator imported tags what is uploaded where it is chosen, and only there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.conftest import fresh, jpeg
from tests.support.classifier import COLOURS, ModelFiles

if TYPE_CHECKING:
    from tests.conftest import Installation, Tenant

NAME = "colours"
DEFAULT = "efficientnet-lite0"

Pictures = Callable[[int], list[bytes]]


@pytest.fixture(scope="module")
def modelled(start_installation: Callable[..., Installation], colours_model: ModelFiles) -> Installation:
    """An installation in which the model is imported while it runs."""
    installation = start_installation(1)
    done = installation.run("models", "import", *colours_model.import_options())
    assert (done.returncode, done.stderr) == (0, "")
    return installation


@pytest.fixture(scope="module")
def chosen(modelled: Installation) -> Tenant:
    """A virtual instance that chose the model."""
    tenant = modelled.tenant("painter")
    tenant.configure("tensorflow", model=NAME, enabled="true")
    return tenant


def models_that_tagged(installation: Installation, ids: list[int]) -> set[tuple[str, str]]:
    rows = installation.database.rows(
        "SELECT DISTINCT provider, model FROM tag_assignment WHERE document_id IN :ids", ids=ids
    )
    return {(row["provider"], row["model"]) for row in rows}


def test_uploads_are_tagged_by_the_model_that_the_instance_chose(
    modelled: Installation, chosen: Tenant
) -> None:
    pictures = {
        name: fresh(jpeg(Image.new("RGB", (320, 240), colour), quality=95))
        for name, colour in COLOURS.items()
    }
    ids = {name: chosen.client.upload(f"{name}.jpg", content) for name, content in pictures.items()}
    modelled.wait_final(ids.values())
    assert models_that_tagged(modelled, list(ids.values())) == {("tensorflow", NAME)}
    assert {name: list(modelled.database.tags(key))[:1] for name, key in ids.items()} == {
        name: [name] for name in COLOURS
    }


def test_its_predictions_are_kept_with_its_name_and_digest(
    modelled: Installation, chosen: Tenant, make_pictures: Pictures
) -> None:
    document_id = chosen.client.upload("one.jpg", make_pictures(1)[0])
    modelled.wait_final([document_id])
    (row,) = modelled.database.rows(
        "SELECT model, model_version FROM prediction_set WHERE instance_id = :id AND sha256 = :sha256",
        id=chosen.id,
        sha256=modelled.database.document(document_id)["sha256"],
    )
    assert (row["model"], len(row["model_version"])) == (NAME, 64)


def test_other_instances_keep_their_own_model(
    modelled: Installation, chosen: Tenant, make_pictures: Pictures
) -> None:
    ids = [modelled.client().upload(f"{n}.jpg", content) for n, content in enumerate(make_pictures(3))]
    modelled.wait_final(ids)
    assert models_that_tagged(modelled, ids) == {("tensorflow", DEFAULT)}


def test_a_choice_acts_on_the_next_upload_and_bytes_seen_before_are_looked_at_anew(
    modelled: Installation, make_pictures: Pictures
) -> None:
    (picture,) = make_pictures(1)
    tenant = modelled.tenant("changing")
    tenant.configure("tensorflow", enabled="true")
    for model in (DEFAULT, NAME, DEFAULT):
        tenant.configure("tensorflow", model=model)
        document_id = tenant.client.upload("same.jpg", picture)
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
