"""Cloud providers over the whole road: settings by command, a file on the page, a worker, a strict stub, tags."""

from __future__ import annotations

import html
import io
import itertools
import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from bs4 import BeautifulSoup
from PIL import Image
from sqlalchemy import inspect

if TYPE_CHECKING:
    from tests.conftest import Installation, Photograph, Tenant

GOOGLE = "google-cloud-vision"
MICROSOFT = "microsoft-cognitive-services"
WRONG_KEY = "sentinel-wrong-key-81c7"
LABELS = [("Steam engine", 0.97), ("railway", 0.61), ("hardly a guess", 0.31)]
TAGS = {"Steam engine": 0.97, "railway": 0.61}

ADDRESSES = {
    "inside.example.test": ["10.0.0.1"],
    "half-inside.example.test": ["8.8.8.8", "127.0.0.1"],
}
NAME_SERVER = f"""
import socket

asked = socket.getaddrinfo

def getaddrinfo(host, port, *arguments, **options):
    addresses = {ADDRESSES!r}.get(host)
    if addresses is None:
        return asked(host, port, *arguments, **options)
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

socket.getaddrinfo = getaddrinfo
"""

Pictures = Callable[[int], list[bytes]]
NewTenant = Callable[[], "Tenant"]


@pytest.fixture(scope="module")
def name_server() -> Iterator[Path]:
    """A folder for PYTHONPATH that gives names of these tests their addresses."""
    folder = Path(tempfile.mkdtemp(prefix="at-names-"))
    (folder / "sitecustomize.py").write_text(NAME_SERVER)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def road(
    start_installation: Callable[..., Installation], google: Any, microsoft: Any, name_server: Path
) -> Installation:
    """An installation whose operator allows the stub services."""
    return start_installation(
        1,
        PYTHONPATH=str(name_server),
        AUTOTAG_GOOGLE_VISION_URL=google.address,
        AUTOTAG_ALLOWED_PRIVATE_HOSTS=microsoft.host,
    )


@pytest.fixture(autouse=True)
def _fresh_services(google: Any, microsoft: Any) -> None:
    google.reset()
    microsoft.reset()


@pytest.fixture(scope="module")
def new_tenant(road: Installation) -> NewTenant:
    numbers = itertools.count(1)
    return lambda: road.tenant(f"cloud-{next(numbers)}")


@pytest.fixture
def tenant(new_tenant: NewTenant) -> Tenant:
    """A virtual instance of the test's own, in which no provider is enabled yet."""
    return new_tenant()


def use_google(tenant: Tenant, google: Any, **more: object) -> None:
    tenant.configure(GOOGLE, **({"api_key": google.key, "enabled": "true"} | more))


def use_microsoft(tenant: Tenant, microsoft: Any, path: str = "", **more: object) -> None:
    settings = {"api_endpoint": microsoft.address + path, "api_key": microsoft.key, "enabled": "true"}
    tenant.configure(MICROSOFT, **(settings | more))


def png(width: int, height: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height), "firebrick").save(content, "PNG")
    return content.getvalue()


def upload(tenant: Tenant, *contents: bytes) -> list[int]:
    return [tenant.client.upload(f"{number}.jpg", content) for number, content in enumerate(contents)]


def page_of(tenant: Tenant, document_id: int) -> str:
    return html.unescape(tenant.client.get(f"/documents/{document_id}").text)


def wait_for_reason(tenant: Tenant, document_id: int, *providers: str) -> str:
    """Wait until a document waits for one of the providers; return the reason as people read it."""
    database = tenant.installation.database

    def waits() -> bool:
        row = database.document(document_id)
        codes = [f"waiting_for_{provider}" for provider in providers]
        return row["tagging_state"] == "queued" and row["tagging_reason_code"] in codes

    tenant.installation.wait(waits, f"document {document_id} waiting for {providers}")
    reason: str = database.document(document_id)["tagging_reason"]
    assert reason in page_of(tenant, document_id)
    return reason


def wait_for_another_look(tenant: Tenant, document_id: int) -> None:
    """Let time pass until a waiting document was taken in hand once more and put back."""
    database = tenant.installation.database
    before = database.document(document_id)["tagging_updated_at"]
    tenant.pass_time()

    def was_looked_at() -> bool:
        row = database.document(document_id)
        return bool(row["tagging_state"] == "queued" and row["tagging_updated_at"] != before)

    tenant.installation.wait(was_looked_at, "another look at the document")


def assignments(tenant: Tenant, document_id: int) -> list[tuple[str, str, float]]:
    """Name, provider and confidence of a document's tags, highest first."""
    rows = tenant.installation.database.rows(
        "SELECT tag.name, a.provider, a.confidence FROM tag_assignment a JOIN tag ON tag.id = a.tag_id"
        " WHERE a.document_id = :id ORDER BY a.confidence DESC, tag.name",
        id=document_id,
    )
    return [(row["name"], row["provider"], row["confidence"]) for row in rows]


@pytest.mark.parametrize(
    ("provider", "path", "called", "title"),
    [
        (GOOGLE, "", "/v1/images:annotate", "Google Cloud Vision"),
        (MICROSOFT, "/vision/v3.2", "/vision/v3.2/tag", "Microsoft Cognitive Services"),
        (MICROSOFT, "/vision/v2.0/", "/vision/v2.0/tag", "Microsoft Cognitive Services"),
        (MICROSOFT, "", "/computervision/imageanalysis:analyze", "Microsoft Cognitive Services"),
    ],
)
def test_an_uploaded_photograph_is_tagged_by_the_service(
    provider: str,
    path: str,
    called: str,
    title: str,
    tenant: Tenant,
    google: Any,
    microsoft: Any,
    make_pictures: Pictures,
) -> None:
    service = google if provider == GOOGLE else microsoft
    service.labels = LABELS
    if provider == GOOGLE:
        use_google(tenant, google)
    else:
        use_microsoft(tenant, microsoft, path)
    (document_id,) = upload(tenant, *make_pictures(1))
    tenant.installation.wait_final([document_id])
    assert assignments(tenant, document_id) == [(name, provider, score) for name, score in TAGS.items()]
    assert [request.path for request in service.requests] == [called]
    page = page_of(tenant, document_id)
    assert "Steam engine" in page
    assert f"automatic, {title}, 97" in page
    # Why these tags names it, with its score; a tag it is not.
    tags = {found.get_text() for found in BeautifulSoup(page, "html.parser").select(".chip .chip-name")}
    assert tags == set(TAGS)
    tenant.installation.assert_tagged_once([document_id])


def test_what_leaves_the_machine_is_scaled_down_and_never_the_original(
    tenant: Tenant, google: Any, microsoft: Any
) -> None:
    use_google(tenant, google)
    use_microsoft(tenant, microsoft)
    content = png(4000, 3000)
    tenant.installation.wait_final(upload(tenant, content))
    (asked,), (asked_too,) = google.requests, microsoft.requests
    assert asked.image_size == (1024, 768)
    assert asked_too.image_size == (1600, 1200)
    assert asked_too.body.startswith(b"\xff\xd8")


FROM_GOOGLE = [("Rolling Stock", 0.93), ("track", 0.57), ("below", 0.49)]
FROM_MICROSOFT = [("train", 0.995), ("rolling stock", 0.88), ("outdoor", 0.52)]
MAXIMUM = 4


def united(database: Any, sha256: str) -> dict[str, float]:
    """What three providers' predictions make, computed apart from the product's way to do it."""
    local = json.loads(
        database.value(
            "SELECT predictions FROM prediction_set WHERE sha256 = :it AND provider = 'tensorflow'", it=sha256
        )
    )
    best: dict[str, float] = {}
    for name, score in [
        *(pair for pair in local if pair[1] >= 0.1),
        *(pair for pair in FROM_GOOGLE + FROM_MICROSOFT if pair[1] >= 0.5),
    ]:
        best[name.lower()] = max(score, best.get(name.lower(), 0))
    return dict(sorted(best.items(), key=lambda pair: -pair[1])[:MAXIMUM])


@pytest.mark.parametrize("late", [(), (GOOGLE,), (MICROSOFT,), (GOOGLE, MICROSOFT)], ids=str)
def test_three_providers_on_one_image_are_united_the_same_whoever_answers_later(
    late: tuple[str, ...], tenant: Tenant, google: Any, microsoft: Any, photographs: list[Photograph]
) -> None:
    google.labels, microsoft.labels = FROM_GOOGLE, FROM_MICROSOFT
    for name, service in ((GOOGLE, google), (MICROSOFT, microsoft)):
        if name in late:
            service.fail_next(1, "server_error")
    tenant.configure("asset-auto-tagging", maximum_number_of_tags=MAXIMUM)
    tenant.configure("tensorflow", enabled="true")
    use_google(tenant, google)
    use_microsoft(tenant, microsoft, "/vision/v3.2")
    photograph = next(item for item in photographs if item.label == "tripod")
    (document_id,) = upload(tenant, photograph.fresh())
    database = tenant.installation.database
    if late:
        wait_for_reason(tenant, document_id, *late)
        assert database.tags(document_id), "the answers that are there must not wait for those that are not"
        tenant.pass_time()
    tenant.installation.wait_final([document_id])
    expected = united(database, database.document(document_id)["sha256"])
    got = assignments(tenant, document_id)
    assert {name.lower(): score for name, _, score in got} == pytest.approx(expected)
    assert len(got) == MAXIMUM
    assert got[0] == ("train", MICROSOFT, 0.995)
    assert [provider for name, provider, _ in got if name.lower() == "rolling stock"] == [GOOGLE]
    assert "tripod" in expected


def test_the_same_bytes_twice_are_sent_once_and_counted_once(
    tenant: Tenant, google: Any, make_pictures: Pictures
) -> None:
    google.labels = LABELS
    use_google(tenant, google)
    (content,) = make_pictures(1)
    first, second = (upload(tenant, content)[0] for _ in range(2))
    tenant.installation.wait_final([first, second])
    third = upload(tenant, content)[0]
    tenant.installation.wait_final([third])
    assert len(google.requests) == 1
    assert [tenant.installation.database.tags(key) for key in (first, second, third)] == [TAGS] * 3
    calls = tenant.installation.database.value(
        "SELECT sum(calls) FROM provider_usage WHERE instance_id = :id", id=tenant.id
    )
    assert calls == 1


def test_an_image_of_fifty_pixels_is_skipped_where_only_microsoft_is_asked(
    tenant: Tenant, microsoft: Any
) -> None:
    use_microsoft(tenant, microsoft)
    (document_id,) = upload(tenant, png(50, 40))
    tenant.installation.wait_final([document_id])
    row = tenant.installation.database.document(document_id)
    assert (row["tagging_state"], row["tagging_reason_code"]) == ("skipped", "image_too_small")
    assert "50 x 40" in row["tagging_reason"]
    assert not microsoft.requests


def test_an_error_inside_an_answer_of_200_concerns_that_image_alone(
    tenant: Tenant, google: Any, make_pictures: Pictures
) -> None:
    google.labels = LABELS
    google.fail_next(1, "image_error_3")
    use_google(tenant, google)
    first, second, third = make_pictures(3)
    (bad,) = upload(tenant, first)
    tenant.installation.wait_final([bad])
    good = upload(tenant, second, third)
    tenant.installation.wait_final(good)
    row = tenant.installation.database.document(bad)
    assert (row["tagging_state"], row["tagging_reason_code"]) == ("failed", "bad_image")
    assert row["tagging_reason"] in page_of(tenant, bad)
    assert [tenant.installation.database.tags(key) for key in good] == [TAGS, TAGS]
    assert tenant.provider_state(GOOGLE) is None


@pytest.mark.parametrize(
    ("provider", "path", "answer"),
    [
        (GOOGLE, "", "API_KEY_INVALID"),
        (GOOGLE, "", "billing_disabled"),
        (MICROSOFT, "/vision/v2.0", "401"),
        (MICROSOFT, "/vision/v3.2", "401"),
        (MICROSOFT, "", "forbidden_html"),
    ],
)
def test_a_refused_key_pauses_the_provider_until_the_right_one_is_saved(
    provider: str,
    path: str,
    answer: str,
    tenant: Tenant,
    google: Any,
    microsoft: Any,
    make_pictures: Pictures,
) -> None:
    service = google if provider == GOOGLE else microsoft
    service.labels = LABELS
    key = WRONG_KEY
    if answer in service.kinds():
        service.fail_next(1, answer)
        key = service.key
    if provider == GOOGLE:
        use_google(tenant, google, api_key=key)
    else:
        use_microsoft(tenant, microsoft, path, api_key=key)
    first, second = make_pictures(2)
    ids = upload(tenant, first)
    reason = wait_for_reason(tenant, ids[0], provider)
    assert "is paused: " in reason
    state = tenant.provider_state(provider)
    assert state is not None
    assert (state["status"], state["retry_at"]) == ("paused", None)
    ids += upload(tenant, second)
    assert wait_for_reason(tenant, ids[1], provider)
    assert len(service.requests) == 1, "a paused provider was asked"
    tenant.configure(provider, api_key=service.key)
    tenant.installation.wait_final(ids)
    assert [tenant.installation.database.tags(key) for key in ids] == [TAGS, TAGS]
    assert tenant.provider_state(provider) is None


@pytest.mark.parametrize(("path", "way"), [("/vision/v2.0", "404"), ("/vision/v3.2", "Gone"), ("", "410")])
def test_a_retired_version_is_never_retried_by_itself(
    path: str, way: str, tenant: Tenant, microsoft: Any, make_pictures: Pictures
) -> None:
    version = path.rpartition("/")[2] or "2024-02-01"
    microsoft.labels = LABELS
    microsoft.retired = {version: way}
    use_microsoft(tenant, microsoft, path)
    (document_id,) = upload(tenant, *make_pictures(1))
    reason = wait_for_reason(tenant, document_id, MICROSOFT)
    assert "retired" in reason
    assert version in reason
    wait_for_another_look(tenant, document_id)
    state = tenant.provider_state(MICROSOFT)
    assert state is not None
    assert (state["status"], state["code"]) == ("paused", "version_retired")
    assert len(microsoft.requests) == 1
    living = microsoft.address + ("/vision/v3.2" if version != "v3.2" else "")
    tenant.configure(MICROSOFT, api_endpoint=living)
    tenant.installation.wait_final([document_id])
    assert tenant.installation.database.tags(document_id) == TAGS


def test_a_monthly_limit_is_kept_and_what_is_beyond_waits(
    tenant: Tenant, google: Any, make_pictures: Pictures
) -> None:
    google.labels = LABELS
    use_google(tenant, google, maximum_number_of_calls=2)
    first, second, third = make_pictures(3)
    sent = upload(tenant, first, second)
    tenant.installation.wait_final(sent)
    (beyond,) = upload(tenant, third)
    assert "2 images" in wait_for_reason(tenant, beyond, GOOGLE)
    wait_for_another_look(tenant, beyond)
    assert len(google.requests) == 2
    tenant.configure(GOOGLE, maximum_number_of_calls=3)
    tenant.installation.wait_final([beyond])
    assert len(google.requests) == 3
    assert tenant.installation.database.tags(beyond) == TAGS


def test_keys_are_neither_in_the_log_nor_in_the_clear_in_the_database_nor_in_an_address(
    tenant: Tenant, google: Any, microsoft: Any, make_pictures: Pictures
) -> None:
    use_google(tenant, google)
    use_microsoft(tenant, microsoft, api_key=WRONG_KEY)
    (document_id,) = upload(tenant, *make_pictures(1))
    wait_for_reason(tenant, document_id, MICROSOFT)
    sent = [*google.requests, *microsoft.requests]
    assert [request.header("x-goog-api-key") for request in google.requests] == [google.key]
    assert [request.header("ocp-apim-subscription-key") for request in microsoft.requests] == [WRONG_KEY]
    written = [tenant.installation.log().encode(), *(f"{item.path}{item.query}".encode() for item in sent)]
    database = tenant.installation.database
    tables = inspect(database.engine).get_table_names()
    written += [str(database.rows(f'SELECT * FROM "{name}"')).encode() for name in tables]
    # What is deleted stays in SQLite's file for a while.
    written += [path.read_bytes() for path in tenant.installation.instance_path.glob("autotag.sqlite*")]
    assert len(written) >= 4
    for key in (google.key, WRONG_KEY):
        assert all(key.encode() not in text for text in written)
    shown = tenant.installation.command(
        "config", "get", "--scope", "instance", "--instance", tenant.web_id, MICROSOFT
    )
    assert "api_key=(stored)" in shown


class Trap:
    """A port of this machine that nobody may come to; `visitors` counts who did."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.visitors = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                visitor, _ = self.socket.accept()
            except OSError:
                return
            self.visitors += 1
            visitor.close()


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    # `close` alone would leave the accepting thread where it is.
    trap.socket.shutdown(socket.SHUT_RDWR)
    trap.socket.close()


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://169.254.169.254/",
        "http://localhost:6379/",
        "http://localhost:{port}/vision/v3.2",
        "http://127.0.0.1:{port}",
        "https://127.0.0.1:{port}",
        "https://localhost",
        "https://10.0.0.1",
        "https://inside.example.test",
        "https://half-inside.example.test/vision/v3.2",
        "https://[::ffff:127.0.0.1]:{port}",
    ],
)
def test_an_endpoint_inside_our_own_network_is_refused_before_a_byte_is_sent(
    endpoint: str, tenant: Tenant, trap: Trap, microsoft: Any, make_pictures: Pictures
) -> None:
    address = endpoint.format(port=trap.port)
    tenant.configure(MICROSOFT, api_endpoint=address, api_key=microsoft.key, enabled="true")
    (document_id,) = upload(tenant, *make_pictures(1))
    reason = wait_for_reason(tenant, document_id, MICROSOFT)
    assert "is refused" in reason
    state = tenant.provider_state(MICROSOFT)
    assert state is not None
    assert (state["status"], state["code"]) == ("paused", "address_refused")
    assert trap.visitors == 0


def test_a_redirect_to_this_machine_is_not_followed(
    tenant: Tenant, trap: Trap, microsoft: Any, make_pictures: Pictures
) -> None:
    microsoft.redirect_to = f"http://127.0.0.1:{trap.port}/vision/v3.2/tag"
    microsoft.fail_next(1, "redirect")
    use_microsoft(tenant, microsoft, "/vision/v3.2")
    (document_id,) = upload(tenant, *make_pictures(1))
    assert "redirect" in wait_for_reason(tenant, document_id, MICROSOFT)
    state = tenant.provider_state(MICROSOFT)
    assert state is not None
    assert (state["status"], state["code"]) == ("paused", "redirected")
    assert trap.visitors == 0
    assert len(microsoft.requests) == 1
