"""A cloud service is away for a while: nothing is lost, nobody else waits, and the log stays readable."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.conftest import Installation, Tenant

MICROSOFT = "microsoft-cognitive-services"
WAITING = f"waiting_for_{MICROSOFT}"
UPLOADS = 50
OUTAGE_SECONDS = 600
# One document finds out; documents that were claimed in the same moment may ask too, those after them not.
FEW = 3

Pictures = Callable[[int], list[bytes]]


@pytest.fixture(scope="module")
def down_road(start_installation: Callable[..., Installation], microsoft: Any) -> Installation:
    return start_installation(1, AUTOTAG_ALLOWED_PRIVATE_HOSTS=microsoft.host)


def tenant_of_the_service(down_road: Installation, microsoft: Any, web_id: str) -> Tenant:
    tenant = down_road.tenant(web_id)
    settings = {"api_endpoint": microsoft.address, "api_key": microsoft.key, "enabled": "true"}
    tenant.configure(MICROSOFT, **settings)
    microsoft.reset()
    microsoft.labels = [("lighthouse", 0.9)]
    return tenant


def upload(tenant: Tenant, contents: list[bytes]) -> list[int]:
    return [tenant.client.upload(f"{number}.jpg", content) for number, content in enumerate(contents)]


def all_wait(tenant: Tenant, ids: list[int]) -> bool:
    rows = tenant.installation.database.rows(
        "SELECT tagging_state, tagging_reason_code, tagging_not_before FROM document WHERE id IN :ids",
        ids=ids,
    )
    return all(
        (row["tagging_state"], row["tagging_reason_code"]) == ("queued", WAITING)
        and row["tagging_not_before"]
        for row in rows
    )


def failures(tenant: Tenant) -> int:
    state = tenant.provider_state(MICROSOFT)
    assert state is not None
    number: int = state["failures"]
    return number


def wait_seconds(tenant: Tenant) -> float:
    """How long from now until the service is to be asked again."""
    retry_at, _ = retry_and_begin(tenant)
    return (retry_at - datetime.now(UTC).replace(tzinfo=None)).total_seconds()


def retry_and_begin(tenant: Tenant) -> tuple[datetime, datetime]:
    """When the service is to be asked again, and since when it is in trouble."""
    (row,) = tenant.installation.database.rows(
        "SELECT retry_at, since FROM provider_state WHERE instance_id = :id", id=tenant.id
    )
    # SQLite keeps them as text.
    return datetime.fromisoformat(str(row["retry_at"])), datetime.fromisoformat(str(row["since"]))


def log_lines(tenant: Tenant, event: str) -> list[str]:
    return [
        line
        for line in tenant.installation.log().splitlines()
        if event in line and f"instance={tenant.web_id} " in f"{line} "
    ]


def test_fifty_images_outlast_a_service_that_is_down_while_others_go_on(
    down_road: Installation, microsoft: Any, make_pictures: Pictures
) -> None:
    tenant = tenant_of_the_service(down_road, microsoft, "patient")
    microsoft.down()
    ids = upload(tenant, make_pictures(UPLOADS))
    down_road.wait(lambda: all_wait(tenant, ids), "all images waiting")
    assert 1 <= failures(tenant) <= FEW, "a service that is down was asked by many"
    reasons = down_road.database.rows(
        "SELECT DISTINCT tagging_reason FROM document WHERE id IN :ids", ids=ids
    )
    assert all("No connection to 127.0.0.1 could be made." in row["tagging_reason"] for row in reasons)

    meanwhile = [down_road.client().upload("elsewhere.jpg", content) for content in make_pictures(3)]
    down_road.wait_final(meanwhile)
    assert set(down_road.database.states(meanwhile)) <= {"tagged", "no_tags"}

    # Each wait is over and the service still down: again few ask, and the next wait is longer.
    waits = [wait_seconds(tenant)]
    while sum(waits) < OUTAGE_SECONDS:
        before = failures(tenant)
        tenant.pass_time()
        down_road.wait(lambda number=before: failures(tenant) > number, "another try")
        down_road.wait(lambda: all_wait(tenant, ids), "all images waiting again")
        assert failures(tenant) <= before + FEW
        waits.append(wait_seconds(tenant))
    assert len(waits) >= 3
    assert waits == sorted(waits)
    assert down_road.database.states(ids) == {"queued": UPLOADS}
    assert len(log_lines(tenant, "provider unavailable")) == 1

    microsoft.up()
    tenant.pass_time()
    down_road.wait_final(ids)
    assert down_road.database.states(ids) == {"tagged": UPLOADS}
    assert all(down_road.database.tags(key) == {"lighthouse": 0.9} for key in ids)
    assert tenant.provider_state(MICROSOFT) is None
    assert len(log_lines(tenant, "provider works again")) == 1
    assert len(log_lines(tenant, "provider unavailable")) == 1


def test_a_service_that_asks_for_patience_is_left_alone_for_that_long(
    down_road: Installation, microsoft: Any, make_pictures: Pictures
) -> None:
    tenant = tenant_of_the_service(down_road, microsoft, "polite")
    microsoft.fail_next(1, microsoft.error(429, "Too many requests.", Retry_After="1800"))
    ids = upload(tenant, make_pictures(4))
    down_road.wait(lambda: all_wait(tenant, ids), "all images waiting")
    retry_at, since = retry_and_begin(tenant)
    assert 1795 <= (retry_at - since).total_seconds() <= 1900
    assert len(microsoft.requests) == 1
    tenant.pass_time()
    down_road.wait_final(ids)
    assert down_road.database.states(ids) == {"tagged": 4}
    assert len(microsoft.requests) == 5
