"""Closed by default, proved from the table of routes."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from autotag.blueprints.access import PUBLIC, RULE
from autotag.extensions import csrf
from autotag.models import Role, User, VirtualInstance
from tests.unit.conftest import Factory

SignIn = Callable[..., None]

OPEN = {"auth.enter_code", "auth.sign_in", "auth.sign_out", "health.healthz", "health.readyz"}
# What the API can do is told to everybody; the routes of the API itself have a test of their own.
OPEN |= {"api_reference.document", "api_reference.page"}
# Programs on this machine may read it, others not: its own test says who.
OPEN |= {"metrics.show"}
JSON = {"Accept": "application/json"}


@pytest.fixture
def rules(app: Flask) -> list[Rule]:
    """Every route but the static files and the API, whose callers have tokens and no cookies."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.endswith("static") and not rule.endpoint.startswith("api.")
    ]


def methods(rule: Rule) -> set[str]:
    return (rule.methods or set()) - {"HEAD", "OPTIONS"}


def address(rule: Rule) -> str:
    """An address that the route matches, with a number that no row has, or `x`, for its variables."""
    return re.sub(r"<[^>]+>", "x", re.sub(r"<int[^>]+>", "4711", rule.rule))


def test_every_view_states_who_may_call_it(app: Flask, rules: list[Rule]) -> None:
    for rule in rules:
        assert isinstance(getattr(app.view_functions[rule.endpoint], RULE, None), str), rule


def test_only_a_short_list_is_open_to_everybody(app: Flask, rules: list[Rule]) -> None:
    public = {rule.endpoint for rule in rules if getattr(app.view_functions[rule.endpoint], RULE) == PUBLIC}
    assert public == OPEN


def test_addresses_are_in_kebab_case_with_typed_numbers(rules: list[Rule]) -> None:
    for rule in rules:
        fixed = re.sub(r"<[^>]+>", "", rule.rule)
        assert re.fullmatch(r"[a-z0-9/-]*|/api/v1/openapi.json", fixed), rule
        assert not re.search(r"<(?!int)[^>]*id>", rule.rule), rule


def test_a_view_that_only_looks_takes_get_alone_and_one_that_changes_takes_post(rules: list[Rule]) -> None:
    for rule in rules:
        assert methods(rule) <= {"GET", "POST"}, rule
        if "GET" in methods(rule) and "POST" in methods(rule):
            assert rule.endpoint.rpartition(".")[2] not in {"show", "index", "cards"}, rule


def test_nothing_is_exempt_from_the_token_against_forged_requests() -> None:
    assert csrf._exempt_views == set()
    # The API takes no cookies, so there is nothing that a forged request could use.
    assert {blueprint.name for blueprint in csrf._exempt_blueprints} == {"api"}


def test_a_stranger_is_led_to_the_sign_in_from_every_page(
    client: FlaskClient, rules: list[Rule], default_instance: VirtualInstance
) -> None:
    for rule in rules:
        if rule.endpoint in OPEN or "GET" not in methods(rule):
            continue
        answer = client.get(address(rule))
        assert answer.status_code == 303, rule
        expected = "/sign-in" if rule.rule == "/" else f"/sign-in?next={address(rule).replace('/', '%2F')}"
        assert answer.headers["Location"] == expected


def test_a_program_without_a_sign_in_gets_a_problem(
    client: FlaskClient, rules: list[Rule], default_instance: VirtualInstance
) -> None:
    for rule in rules:
        if rule.endpoint in OPEN or "GET" not in methods(rule):
            continue
        answer = client.get(address(rule), headers=JSON)
        assert (answer.status_code, answer.content_type) == (401, "application/problem+json"), rule
        assert answer.json is not None
        assert answer.json["code"] == "not_signed_in"


def test_where_one_was_heading_is_kept_with_its_query(
    client: FlaskClient, default_instance: VirtualInstance
) -> None:
    answer = client.get("/documents?cursor=a%26b&x=1")
    assert answer.headers["Location"] == "/sign-in?next=%2Fdocuments%3Fcursor%3Da%2526b%26x%3D1"


def test_every_change_without_the_token_is_refused(
    client: FlaskClient, rules: list[Rule], default_instance: VirtualInstance, make: Factory, sign_in: SignIn
) -> None:
    sign_in(client, make.user(default_instance, Role.SYSTEM_ADMINISTRATOR))
    for rule in rules:
        if "POST" in methods(rule):
            assert client.post(address(rule)).status_code == 400, rule


def test_a_change_with_a_made_up_token_is_refused(
    client: FlaskClient, default_instance: VirtualInstance
) -> None:
    answer = client.post("/sign-in", data={"csrf_token": "made up"})
    assert answer.status_code == 400
    assert "The page was open too long" in answer.text


@pytest.fixture
def by_role(
    app: Flask, default_instance: VirtualInstance, make: Factory, sign_in: SignIn
) -> Callable[[Role], FlaskClient]:
    def by_role(role: Role) -> FlaskClient:
        client = app.test_client()
        sign_in(client, make.user(default_instance, role))
        return client

    return by_role


@pytest.mark.parametrize("role", list(Role))
def test_a_role_opens_what_asks_for_it_and_nothing_above(
    app: Flask, rules: list[Rule], by_role: Callable[[Role], FlaskClient], role: Role
) -> None:
    client = by_role(role)
    for rule in rules:
        asked = getattr(app.view_functions[rule.endpoint], RULE)
        if asked == PUBLIC or "GET" not in methods(rule):
            continue
        status = client.get(address(rule)).status_code
        assert (status == 403) == (not role.includes(Role(asked))), (rule, status)


def test_an_unknown_address_is_not_found_and_leads_nobody_to_the_sign_in(
    client: FlaskClient, default_instance: VirtualInstance
) -> None:
    assert client.get("/no-such-page").status_code == 404


@pytest.fixture
def theirs(make: Factory) -> User:
    return make.user(make.instance("acme"), Role.ADMINISTRATOR)


def test_a_session_of_one_instance_is_nothing_in_another(
    client: FlaskClient, default_instance: VirtualInstance, theirs: User, sign_in: SignIn
) -> None:
    sign_in(client, theirs, "acme.localhost")
    assert client.get("/documents", base_url="http://acme.localhost/").status_code == 200
    sign_in(client, theirs, "localhost")
    assert client.get("/documents", base_url="http://localhost/").status_code == 303


def test_a_document_of_another_instance_is_not_found_at_any_address(
    client: FlaskClient,
    rules: list[Rule],
    default_instance: VirtualInstance,
    theirs: User,
    make: Factory,
    sign_in: SignIn,
) -> None:
    sign_in(client, make.user(default_instance, Role.SYSTEM_ADMINISTRATOR))
    document = make.document(make.instance())
    routes = [rule for rule in rules if "document_id" in rule.arguments and "GET" in methods(rule)]
    assert routes
    for rule in routes:
        path = re.sub(r"<[^>]+>", str(document.id), rule.rule)
        assert client.get(path).status_code == 404, rule
