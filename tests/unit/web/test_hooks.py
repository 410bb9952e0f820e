import pytest
from flask import Flask
from flask.testing import FlaskClient

from autotag.models import VirtualInstance
from tests.unit.conftest import Factory


@pytest.fixture(autouse=True)
def instances(make: Factory, default_instance: VirtualInstance) -> None:
    make.instance("acme")
    make.instance("far", virtual_host="photos.far.net")
    make.instance("closed", is_active=False)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("localhost:8000", "localhost"),
        ("127.0.0.1:8000", "localhost"),
        ("ACME.localhost:8000", "acme"),
        ("photos.far.net", "far"),
    ],
)
def test_a_host_shows_its_instance(client: FlaskClient, host: str, name: str) -> None:
    answer = client.get("/sign-in", headers={"Host": host})
    assert answer.status_code == 200
    assert f"to {name}" in answer.text


@pytest.mark.parametrize(
    "host", ["unknown.localhost", "closed.localhost", "deep.acme.localhost", "evil.net", "evillocalhost"]
)
def test_a_host_that_no_instance_answers_on_is_told(client: FlaskClient, host: str) -> None:
    for path in ("/sign-in", "/documents", "/no-such-page"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 404
        assert "No site at this address" in answer.text


def test_a_program_is_told_as_well(client: FlaskClient) -> None:
    answer = client.get("/documents", headers={"Host": "evil.net", "Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json is not None
    assert answer.json["code"] == "unknown_host"


@pytest.mark.parametrize("host", ["", "a b", "acme..localhost", "-x.localhost", "localhost:http", "<script>"])
def test_what_is_no_host_is_a_bad_request(client: FlaskClient, host: str) -> None:
    answer = client.get("/sign-in", headers={"Host": host})
    assert answer.status_code == 400
    assert "<script>alert" not in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/static/mark.svg", "/bootstrap/static/css/bootstrap.min.css"])
def test_health_and_static_files_answer_on_any_host(client: FlaskClient, path: str) -> None:
    for host in ("localhost", "acme.localhost", "10.0.0.7:8000", "evil.net"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 200
        answer.close()


def test_redirects_stay_on_the_host(client: FlaskClient) -> None:
    answer = client.get("/documents", headers={"Host": "acme.localhost:8000"})
    assert answer.headers["Location"].startswith("/sign-in?")


def test_the_cookie_stays_on_the_host(app: Flask) -> None:
    with app.test_request_context():
        assert app.session_interface.get_cookie_domain(app) is None
