"""The wall from outside, generated from the table of routes: what another virtual instance owns is not there."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from autotag.blueprints.access import PUBLIC, RULE
from autotag.blueprints.documents.choice import pack
from autotag.configuration.entries import UPLOADS
from autotag.instances.audit import audit
from autotag.instances.passwords import choose_password
from autotag.media.storage.renditions import preview_key, thumbnail_key
from autotag.media.storage.storage import FolderStorage, original_key
from autotag.models import (
    ApiToken,
    Base,
    BulkAction,
    BulkActionState,
    ConfigurationRecord,
    Document,
    DocumentVersion,
    Folder,
    Level,
    Role,
    RunScope,
    RunState,
    Tag,
    TaggingRun,
    User,
    UserSession,
    VirtualInstance,
    Webhook,
    WebhookDelivery,
    WebhookEvent,
)
from autotag.models.base import utc_now
from autotag.models.unit_of_work import unit_of_work
from autotag.tagging.bulk.actions import BulkKind
from tests.unit.conftest import Factory

SignIn = Callable[[FlaskClient, User, str], None]

MISSING = 88_001
THEIR_NUMBER = 88_010
"""The number of a row of every kind, so that one request asks for whichever kind a route takes it for."""
# A PNG that holds no more than its frame; what follows its end is kept by whoever copies it.
SECRET_PICTURE = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU"
    b"\x00\x00\x00\x00IEND\xaeB`\x82secret picture"
)
PASSWORD = "correct horse battery"
JSON = {"Accept": "application/json"}
FILES = ("content", "preview", "thumbnail")
OF_THE_INSTALLATION = {"instance_id"}
"""Arguments that name no tenant's row: system administrators manage every instance."""


@dataclass(frozen=True, slots=True)
class Theirs:
    """One row of every kind in the other instance, under a number that nothing else has."""

    instance: VirtualInstance
    person: User
    ids: dict[str, int]


@pytest.fixture(scope="module")
def password_hash() -> str:
    return choose_password(PASSWORD).hash


@pytest.fixture
def acme(make: Factory, default_instance: VirtualInstance) -> VirtualInstance:
    return make.instance("acme")


@pytest.fixture
def theirs(
    make: Factory, sessions: sessionmaker[Session], storage: FolderStorage, acme: VirtualInstance
) -> Theirs:
    globex = make.instance("globex", id=THEIR_NUMBER)
    person = make.user(globex, Role.ADMINISTRATOR, id=THEIR_NUMBER, email="eva@globex.test")
    document = make.document(
        globex, id=THEIR_NUMBER, owner_id=person.id, title="Secret plan", width=1, height=1
    )
    with sessions() as session, unit_of_work(session) as work:
        work.session.add(
            DocumentVersion(
                instance_id=globex.id,
                document_id=document.id,
                number=1,
                file_name="secret.png",
                sha256=document.sha256,
                mime_type="image/png",
                size=1,
            )
        )
        work.session.add(Tag(id=THEIR_NUMBER, instance_id=globex.id, name="secret", normalized_name="secret"))
        work.session.add(
            UserSession(id=THEIR_NUMBER, instance_id=globex.id, user_id=person.id, token_sha256="f" * 64)
        )
        work.session.add(
            ApiToken(
                id=THEIR_NUMBER,
                instance_id=globex.id,
                user_id=person.id,
                name="Secret program",
                role=Role.VIEWER,
                token_sha256="e" * 64,
                ending="beef",
            )
        )
        work.session.add(
            TaggingRun(
                id=THEIR_NUMBER,
                instance_id=globex.id,
                scope=RunScope.ALL,
                state=RunState.RUNNING,
                covers="Secret run",
                created_by_id=person.id,
            )
        )
        audit(work.session, globex.id, person.email, "role changed", "secret person")
        work.session.add(bulk_action(THEIR_NUMBER, globex))
        webhook = Webhook(
            id=THEIR_NUMBER, instance_id=globex.id, address="https://secret.example/", events=[]
        )
        work.session.add(webhook)
        work.session.flush()
        work.session.add(webhook_delivery(THEIR_NUMBER, webhook))
        work.session.add(
            Folder(id=THEIR_NUMBER, instance_id=globex.id, name="Secret", normalized_name="secret")
        )
    keep_files(storage, document.sha256)
    make.document(
        globex, id=88_031, title="Secret trash", sha256=document.sha256, width=8, deleted_at=utc_now()
    )
    ids = {
        "instance": THEIR_NUMBER,
        "person": THEIR_NUMBER,
        "document": THEIR_NUMBER,
        "tag": THEIR_NUMBER,
        "session": THEIR_NUMBER,
    }
    ids["run"] = THEIR_NUMBER
    ids |= {"deleted": 88_031, "action": THEIR_NUMBER, "folder": THEIR_NUMBER, "token": THEIR_NUMBER}
    ids |= {"webhook": THEIR_NUMBER, "delivery": THEIR_NUMBER}
    return Theirs(globex, person, ids)


def bulk_action(number: int, instance: VirtualInstance) -> BulkAction:
    return BulkAction(
        id=number,
        instance_id=instance.id,
        kind=BulkKind.DELETE,
        selection={"query": {"text": "secret"}},
        parameters={"until": 1},
        state=BulkActionState.FINISHED,
        done=1,
        total=1,
    )


def webhook_delivery(number: int, webhook: Webhook) -> WebhookDelivery:
    return WebhookDelivery(
        id=number,
        instance_id=webhook.instance_id,
        webhook_id=webhook.id,
        event_id="evt_secret",
        event=WebhookEvent.DOCUMENT_TAGGED,
        body='{"title":"secret"}',
    )


def keep_files(storage: FolderStorage, sha256: str) -> None:
    for key in (original_key(sha256), thumbnail_key(sha256), preview_key(sha256)):
        path = storage.incoming()
        path.write_bytes(SECRET_PICTURE)
        storage.keep(path, key, durable=False)


@pytest.fixture
def rules(app: Flask) -> list[Rule]:
    """Every page with a number that names a row of a tenant. The API has a test of its own: no cookie opens it."""
    found = [
        rule
        for rule in app.url_map.iter_rules()
        if any(name.endswith("_id") for name in rule.arguments)
        and not rule.arguments <= OF_THE_INSTALLATION
        and not rule.endpoint.startswith("api.")
    ]
    assert {rule.endpoint for rule in found} >= {"documents.show", "users.show", "account.end_session"}
    return found


class Visitor:
    """A browser at one host that somebody may have signed in with."""

    def __init__(self, app: Flask, host: str) -> None:
        self.client = app.test_client()
        self.address = f"http://{host}/"
        self._token = ""

    def forget_token(self) -> None:
        """Ask for the token anew: signing in begins another session."""
        self._token = ""

    def get(self, path: str, **options: object) -> TestResponse:
        return self.client.get(path, base_url=self.address, **options)  # type: ignore[arg-type]

    def post(self, path: str, data: dict[str, str] | None = None, **options: object) -> TestResponse:
        if not self._token:
            found = None
            for page in ("/account", "/sign-in"):
                found = found or re.search(r'name="csrf_token" value="([^"]+)"', self.get(page).text)
            assert found
            self._token = found[1]
        sent = {"csrf_token": self._token} | (data or {})
        return self.client.post(path, data=sent, base_url=self.address, **options)  # type: ignore[arg-type]


@pytest.fixture
def visit(app: Flask, make: Factory, sign_in: SignIn) -> Callable[..., Visitor]:
    """Opens a browser at an instance's host, for a new person with a role or for a stranger."""

    def visit(instance: VirtualInstance, role: Role | None = None, user: User | None = None) -> Visitor:
        host = host_of(instance)
        visitor = Visitor(app, host)
        if role is not None or user is not None:
            sign_in(visitor.client, user or make.user(instance, role or Role.VIEWER), host)
        return visitor

    return visit


def host_of(instance: VirtualInstance) -> str:
    return "localhost" if instance.is_default else f"{instance.virtual_host}.localhost"


def methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def address(rule: Rule, number: int) -> str:
    return re.sub(r"<(?!int)[^>]+>", "x", re.sub(r"<int[^>]+>", str(number), rule.rule))


def ask(
    visitor: Visitor, rule: Rule, method: str, number: int, headers: dict[str, str]
) -> tuple[int, str, dict[str, str]]:
    """The whole answer, with the number that was asked for and the name of the request blotted out."""
    path = address(rule, number)
    send = visitor.get if method == "GET" else visitor.post
    answer = send(path, headers=headers)
    kept = {
        name: value
        for name, value in answer.headers.items()
        if name not in ("X-Request-ID", "Date", "Set-Cookie", "Retry-After")
        and not name.startswith(("RateLimit", "X-RateLimit"))
    }
    kept["Location"] = kept.get("Location", "").replace(str(number), "N")
    kept.pop("Content-Length", None)
    return answer.status_code, answer.text.replace(str(number), "N"), kept


def snapshot(sessions: sessionmaker[Session], instance: VirtualInstance) -> dict[str, list[object]]:
    """All that an instance owns, to be compared before and after."""
    owned: dict[str, list[object]] = {}
    with sessions() as session:
        for table in Base.metadata.sorted_tables:
            if "instance_id" in table.columns:
                rows = session.execute(table.select().where(table.c.instance_id == instance.id)).all()
                owned[table.name] = sorted(map(str, rows))  # type: ignore[arg-type]
    return owned


PEOPLE = [None, Role.VIEWER, Role.EDITOR, Role.ADMINISTRATOR]


@pytest.mark.parametrize("accept", [{}, JSON], ids=["page", "program"])
@pytest.mark.parametrize("role", PEOPLE, ids=lambda role: role or "stranger")
def test_another_instances_number_is_answered_as_one_that_never_was(
    app: Flask,
    rules: list[Rule],
    acme: VirtualInstance,
    theirs: Theirs,
    visit: Callable[..., Visitor],
    sessions: sessionmaker[Session],
    role: Role | None,
    accept: dict[str, str],
) -> None:
    visitor = visit(acme, role)
    before = snapshot(sessions, theirs.instance)
    for rule in rules:
        for method in methods(rule):
            nothing = ask(visitor, rule, method, MISSING, accept)
            for number in set(theirs.ids.values()):
                assert ask(visitor, rule, method, number, accept) == nothing, (rule, method, number)
            assert nothing[0] == expected_status(app, rule, role, accept), (rule, method)
    assert snapshot(sessions, theirs.instance) == before


def expected_status(app: Flask, rule: Rule, role: Role | None, accept: dict[str, str]) -> int:
    asked = getattr(app.view_functions[rule.endpoint], RULE)
    assert asked != PUBLIC, f"{rule} shows a row to everybody"
    if role is None:
        return 401 if accept else 303
    if not role.includes(Role(asked)):
        return 403
    return 404


def test_a_system_administrator_of_the_default_instance_sees_no_row_of_another_either(
    rules: list[Rule],
    default_instance: VirtualInstance,
    theirs: Theirs,
    visit: Callable[..., Visitor],
    sessions: sessionmaker[Session],
) -> None:
    visitor = visit(default_instance, Role.SYSTEM_ADMINISTRATOR)
    before = snapshot(sessions, theirs.instance)
    for rule in rules:
        for method in methods(rule):
            nothing = ask(visitor, rule, method, MISSING, {})
            assert nothing[0] == 404, rule
            for number in set(theirs.ids.values()):
                assert ask(visitor, rule, method, number, {}) == nothing, (rule, method, number)
    assert snapshot(sessions, theirs.instance) == before


def test_the_same_numbers_lead_their_owner_to_each_page(
    app: Flask, rules: list[Rule], theirs: Theirs, visit: Callable[..., Visitor], make: Factory
) -> None:
    """Otherwise the tests above could find nothing for another reason than the wall."""
    visitor = visit(theirs.instance, Role.ADMINISTRATOR)
    kinds = {"document_id": "document", "user_id": "person", "tag_id": "tag", "run_id": "run"}
    kinds |= {"deleted_id": "deleted", "action_id": "action", "folder_id": "folder"}
    kinds |= {"webhook_id": "webhook", "delivery_id": "delivery"}
    known = {name: theirs.ids[kind] for name, kind in kinds.items()} | {"number": 1}
    seen = 0
    for rule in rules:
        if "GET" in methods(rule):
            path = re.sub(r"<int[^>]*:(\w+)>", lambda found: str(known[found[1]]), rule.rule)
            answer = visitor.get(path)
            answer.close()
            assert answer.status_code == 200, rule
            seen += 1
    assert seen >= 6


@pytest.mark.parametrize("role", list(Role)[1:3])
def test_numbers_in_a_query_bring_nothing_of_another_instance(
    acme: VirtualInstance, theirs: Theirs, visit: Callable[..., Visitor], role: Role
) -> None:
    visitor = visit(acme, role)
    query = "&".join(f"id={number}" for number in theirs.ids.values())
    answer = visitor.get(f"/documents/cards?{query}", headers=JSON)
    assert answer.json == {"cards": {}, "pending": []}


def test_no_page_without_a_number_names_what_another_instance_has(
    app: Flask, acme: VirtualInstance, theirs: Theirs, visit: Callable[..., Visitor]
) -> None:
    visitor = visit(acme, Role.ADMINISTRATOR)
    paths = [
        rule.rule
        for rule in app.url_map.iter_rules()
        if not rule.arguments
        and "GET" in methods(rule)
        # What tells of the product alone speaks of secrets, and of nobody's.
        and not rule.endpoint.startswith(("health.", "api_reference."))
    ]
    assert {"/documents", "/control-panel/users", "/control-panel/audit"} <= set(paths)
    for path in [*paths, "/control-panel/audit?before=2000000000"]:
        text = visitor.get(path).text.lower()
        assert "globex" not in text, path
        assert "secret" not in text.replace("secret_key", ""), path


@pytest.mark.parametrize("file", FILES)
def test_the_bytes_of_another_instances_file_are_not_found_even_when_the_content_is_the_same(
    make: Factory,
    acme: VirtualInstance,
    theirs: Theirs,
    visit: Callable[..., Visitor],
    sessions: sessionmaker[Session],
    file: str,
) -> None:
    with sessions() as session:
        sha256 = session.get_one(Document, theirs.ids["document"]).sha256
    ours = make.document(acme, sha256=sha256, width=1, height=1)
    visitor = visit(acme, Role.VIEWER)
    own = visitor.get(f"/documents/{ours.id}/{file}")
    assert (own.status_code, own.data) == (200, SECRET_PICTURE)
    own.close()
    answer = visitor.get(f"/documents/{theirs.ids['document']}/{file}")
    assert answer.status_code == 404
    assert b"secret picture" not in answer.data


def test_a_stored_file_has_no_address_of_its_own(
    app: Flask, acme: VirtualInstance, theirs: Theirs, visit: Callable[..., Visitor], storage: FolderStorage
) -> None:
    visitor = visit(acme, Role.ADMINISTRATOR)
    stored = [path.relative_to(storage.root) for path in storage.root.rglob("*") if path.is_file()]
    assert len(stored) == 3
    for path in stored:
        for prefix in ("", "/files", "/static/../files", "/static/..%2ffiles", "/documents"):
            assert visitor.get(f"{prefix}/{Path(path).as_posix()}").status_code == 404, (prefix, path)


@pytest.fixture
def cookie(app: Flask, acme: VirtualInstance, visit: Callable[..., Visitor]) -> str:
    """The session cookie of somebody who is signed in at acme."""
    visitor = visit(acme, Role.ADMINISTRATOR)
    assert visitor.get("/documents").status_code == 200
    found = visitor.client.get_cookie("autotag", domain="acme.localhost")
    assert found is not None
    return found.value


@pytest.mark.parametrize("host", ["globex.localhost", "localhost"])
def test_the_cookie_of_one_instance_means_nothing_at_another(
    app: Flask, acme: VirtualInstance, theirs: Theirs, visit: Callable[..., Visitor], cookie: str, host: str
) -> None:
    there = Visitor(app, host)
    there.client.set_cookie("autotag", cookie, domain=host)
    for path in ("/documents", "/account", "/control-panel", f"/documents/{theirs.ids['document']}/content"):
        answer = there.get(path)
        assert (answer.status_code, answer.location.split("?")[0]) == (303, "/sign-in"), path
    at_home = Visitor(app, "acme.localhost")
    at_home.client.set_cookie("autotag", cookie, domain="acme.localhost")
    assert at_home.get("/documents").status_code == 200


def test_the_cookie_is_for_the_host_that_gave_it_alone(
    make: Factory, acme: VirtualInstance, theirs: Theirs, visit: Callable[..., Visitor], password_hash: str
) -> None:
    make.user(acme, email="ann@example.test", password_hash=password_hash)
    answer = try_to_sign_in(visit(acme), "ann@example.test")
    header = answer.headers["Set-Cookie"]
    assert "domain=" not in header.lower()
    assert "HttpOnly" in header


def try_to_sign_in(visitor: Visitor, email: str) -> TestResponse:
    answer = visitor.post("/sign-in", {"email": email, "password": PASSWORD})
    visitor.forget_token()
    return answer


def test_a_user_of_one_instance_cannot_sign_in_at_another(
    make: Factory,
    default_instance: VirtualInstance,
    acme: VirtualInstance,
    theirs: Theirs,
    visit: Callable[..., Visitor],
    password_hash: str,
) -> None:
    make.user(acme, Role.ADMINISTRATOR, email="ann@example.test", password_hash=password_hash)
    assert try_to_sign_in(visit(acme), "ann@example.test").status_code == 303
    for elsewhere in (theirs.instance, default_instance):
        visitor = visit(elsewhere)
        refused = try_to_sign_in(visitor, "ann@example.test")
        unknown = try_to_sign_in(visit(elsewhere), "nobody@example.test")
        assert refused.status_code == unknown.status_code == 422
        assert "E-mail or password is wrong." in refused.text
        assert "E-mail or password is wrong." in unknown.text
        assert visitor.get("/documents").status_code == 303


def test_the_same_address_in_two_instances_is_two_people(
    make: Factory, acme: VirtualInstance, theirs: Theirs, visit: Callable[..., Visitor], password_hash: str
) -> None:
    make.user(acme, Role.VIEWER, email="ann@example.test", password_hash=password_hash)
    there = make.user(theirs.instance, Role.ADMINISTRATOR, email="ann@example.test")
    here = visit(acme)
    assert try_to_sign_in(here, "ann@example.test").status_code == 303
    assert try_to_sign_in(visit(theirs.instance), "ann@example.test").status_code == 422
    assert here.get("/control-panel").status_code == 403
    administrator = visit(theirs.instance, user=there)
    assert administrator.get("/control-panel").status_code == 200
    assert administrator.get("/account").text.count("This session") == 1
    assert here.post("/account/sessions/end-others").status_code == 303
    assert administrator.get("/account").status_code == 200


@pytest.fixture
def switched_off(sessions: sessionmaker[Session], theirs: Theirs) -> Iterator[VirtualInstance]:
    with sessions() as session, unit_of_work(session) as work:
        work.session.get_one(VirtualInstance, theirs.instance.id).is_active = False
    return theirs.instance


def test_an_inactive_instance_answers_as_one_that_never_was(
    app: Flask, switched_off: VirtualInstance, theirs: Theirs, visit: Callable[..., Visitor]
) -> None:
    visitor = visit(switched_off, user=theirs.person)
    for path in ("/", "/sign-in", "/documents", "/control-panel", "/no-such-page"):
        there = visitor.get(path)
        nowhere = Visitor(app, "initech.localhost").get(path)
        assert there.status_code == nowhere.status_code == 404, path
        assert there.text.replace("globex", "initech") == nowhere.text


@pytest.mark.parametrize(
    "host", ["initech.localhost", "acme.globex.localhost", "localhost.acme", "example.com", "notlocalhost"]
)
def test_an_unknown_host_has_a_page_that_says_so_and_names_no_instance(
    app: Flask, acme: VirtualInstance, theirs: Theirs, host: str
) -> None:
    answer = Visitor(app, host).get("/documents")
    assert answer.status_code == 404
    assert "No site at this address" in answer.text
    assert host in answer.text
    assert "Set-Cookie" not in answer.headers
    program = Visitor(app, host).get("/documents", headers=JSON)
    assert program.json is not None
    assert (program.status_code, program.json["code"]) == (404, "unknown_host")


def test_what_belongs_to_the_installation_is_closed_to_administrators_of_other_instances(
    app: Flask, acme: VirtualInstance, theirs: Theirs, visit: Callable[..., Visitor]
) -> None:
    """Every route of System Settings and Virtual Instances, whatever it is given."""
    visitor = visit(acme, Role.ADMINISTRATOR)
    rules = [
        rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.partition(".")[0] in ("system_settings", "instances")
    ]
    assert {"/control-panel/system-settings", "/control-panel/instances"} <= {rule.rule for rule in rules}
    for rule in rules:
        for method in methods(rule):
            for number in (acme.id, theirs.instance.id, MISSING):
                status, text, _ = ask(visitor, rule, method, number, {})
                assert (status, "Not allowed" in text) == (403, True), (rule, method)


IDS_IN_FORMS = {
    "documents.upload",
    "documents.cards",
    "documents.index",
    "documents.bulk",
    "documents.bulk_choose_download",
    "documents.bulk_commit",
    "documents.bulk_delete",
    "documents.bulk_do_commit",
    "documents.bulk_do_untag",
    "documents.bulk_download",
    "documents.bulk_move",
    "documents.bulk_save_move",
    "documents.bulk_save_tags",
    "documents.bulk_tag_again",
    "documents.bulk_tags",
    "documents.bulk_untag",
    "folders.create",
    "folders.restore",
    "operations.index",
    "operations.retry",
    "operations.state",
    "recycle_bin.choose_purge",
    "recycle_bin.confirm_purge",
    "recycle_bin.index",
    "recycle_bin.purge",
    "recycle_bin.restore",
    "runs.start",
    "tags.choose",
    "tags.index",
    "tags.merge",
    "tags.suggest",
    "audit.index",
}
"""Routes without a number in their address that are about rows named in a form or a query."""

NO_IDS = {
    "account.change_password",
    "account.create",
    "account.end_others",
    "account.index",
    "account.download_recovery_codes",
    "account.renew_recovery_codes",
    "account.second_factor",
    "account.set_up_second_factor",
    "account.tokens",
    "account.turn_off_second_factor",
    "auth.enter_code",
    "auth.sign_in",
    "auth.sign_out",
    "control_panel.index",
    "documents.home",
    "operations.enable_process",
    "operations.resume",
    "runs.index",
    "tags.automatic",
    "tags.commit_everything",
    "tags.create",
    "tags.untag_everything",
    "users.add",
    "users.create",
    "users.index",
    "webhooks.add",
    "webhooks.create",
    "webhooks.index",
}
"""Routes that are about the instance of their host, and take no number of anything."""

OF_NOBODY = ("health.", "metrics.", "api_reference.", "system_settings.", "instances.", "instance_settings.")
"""Rooms whose routes name no tenant's row: the installation's, or settings by the key of an entry."""


def place_in_the_proof(rule: Rule) -> list[str]:
    """The ways in which the wall is proved for a route."""
    has_number = any(name.endswith("_id") for name in rule.arguments) and not (
        rule.arguments <= OF_THE_INSTALLATION
    )
    places = {
        "static": rule.endpoint.endswith("static"),
        "api": rule.endpoint.startswith("api."),
        "number": has_number and not rule.endpoint.startswith("api."),
        "nobody": rule.endpoint.startswith(OF_NOBODY),
        "form": rule.endpoint in IDS_IN_FORMS,
        "none": rule.endpoint in NO_IDS,
    }
    return [name for name, holds in places.items() if holds]


def test_every_route_has_one_place_in_the_proof(app: Flask) -> None:
    """A new route fails here until it is said where another instance's ids could come in."""
    rules = list(app.url_map.iter_rules())
    assert [rule.endpoint for rule in rules if len(place_in_the_proof(rule)) != 1] == []
    assert {rule.endpoint for rule in rules} >= IDS_IN_FORMS | NO_IDS


def every_field(theirs: Theirs, number: int) -> dict[str, object]:
    """All fields that forms and queries name rows with, each with this number."""
    names = (
        "id",
        "document_id",
        "folder_id",
        "folder",
        "parent",
        "keep",
        "tag",
        "owner",
        "user_id",
        "run_id",
    )
    names += ("tag_id", "instance_id", "owner_id", "webhook_id", "until")
    return dict.fromkeys(names, str(number)) | {
        "selection": pack([number]),
        "instance": theirs.instance.web_id,
        "tags": "mine",
        "names": "mine",
        "mode": "add",
        "name": "mine",
        "scope": "all",
        "path": "Secret",
        "q": "",
    }


@pytest.mark.parametrize("everything", [False, True], ids=["by number", "all that match"])
@pytest.mark.parametrize("role", [Role.EDITOR, Role.ADMINISTRATOR, Role.SYSTEM_ADMINISTRATOR])
def test_numbers_in_forms_and_queries_change_and_show_nothing_of_another_instance(
    app: Flask,
    acme: VirtualInstance,
    default_instance: VirtualInstance,
    theirs: Theirs,
    visit: Callable[..., Visitor],
    sessions: sessionmaker[Session],
    role: Role,
    everything: bool,
) -> None:
    visitor = visit(default_instance if role is Role.SYSTEM_ADMINISTRATOR else acme, role)
    before = snapshot(sessions, theirs.instance)
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint in IDS_IN_FORMS]
    for rule in rules:
        # System administrators may look at the operations of all instances.
        if role is Role.SYSTEM_ADMINISTRATOR and rule.endpoint.startswith("operations."):
            continue
        for method in methods(rule):
            for number in {
                theirs.ids["document"],
                theirs.ids["deleted"],
                theirs.ids["tag"],
                theirs.ids["folder"],
            }:
                fields = every_field(theirs, number) | ({"all": "1", "until": "88999"} if everything else {})
                answer = (
                    visitor.get(rule.rule, query_string=fields)
                    if method == "GET"
                    else visitor.post(rule.rule, fields, query_string=fields)  # type: ignore[arg-type]
                )
                shown = answer.get_data()
                assert answer.status_code < 500, rule
                for secret in (
                    SECRET_PICTURE,
                    b"Secret plan",
                    b"Secret trash",
                    b"secret.png",
                    b"globex.test",
                ):
                    assert secret not in shown, (rule, secret)
    assert snapshot(sessions, theirs.instance) == before


def test_an_archive_of_another_instances_numbers_holds_nothing(
    acme: VirtualInstance,
    theirs: Theirs,
    visit: Callable[..., Visitor],
    make: Factory,
    storage: FolderStorage,
) -> None:
    own = make.document(acme, file_name="own.png")
    keep_files(storage, own.sha256)
    visitor = visit(acme, Role.VIEWER)
    for tags in ("0", "1"):
        chosen = {"id": [own.id, theirs.ids["document"], theirs.ids["deleted"]], "with_tags": tags}
        with zipfile.ZipFile(
            io.BytesIO(visitor.get("/documents/bulk/download", query_string=chosen).data)
        ) as archive:
            assert archive.namelist() == ["own.png"]
    there = visit(theirs.instance, Role.VIEWER).get(f"/documents/bulk/download?id={theirs.ids['document']}")
    assert SECRET_PICTURE in there.data


def test_an_export_of_settings_holds_those_of_its_instance_alone(
    app: Flask,
    acme: VirtualInstance,
    theirs: Theirs,
    visit: Callable[..., Visitor],
    sessions: sessionmaker[Session],
) -> None:
    with sessions() as session, unit_of_work(session) as work:
        values = UPLOADS.defaults | {"allowed_extensions": "secret"}
        work.session.add(
            ConfigurationRecord(
                entry=UPLOADS.key,
                level=Level.INSTANCE,
                instance_id=theirs.instance.id,
                values=values,
                updated_by="eva@globex.test",
            )
        )
    path = f"/control-panel/instance-settings/{UPLOADS.key}"
    for address in (path, f"{path}/export"):
        assert "secret" in visit(theirs.instance, Role.ADMINISTRATOR).get(address).text
        for query in ("", f"?instance={theirs.instance.web_id}", f"?instance_id={theirs.instance.id}"):
            answer = visit(acme, Role.ADMINISTRATOR).get(address + query)
            # There is nothing to export where nothing of its own is saved.
            assert answer.status_code == (404 if address.endswith("export") else 200)
            assert "secret" not in answer.text.replace("secret_key", ""), address
