"""What happens around each request: which instance, who, and that nothing stays open."""

import time
from urllib.parse import urlencode

import structlog
from flask import Flask, Response, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints import bearer
from autotag.blueprints.access import PUBLIC, RULE
from autotag.blueprints.errors import InstanceNotFound, is_api, problem, wants_problem
from autotag.blueprints.long_answers import name_tenant
from autotag.blueprints.request_counts import note_request
from autotag.blueprints.security import STATIC_ENDPOINTS
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.instances.directory import find_instance
from autotag.instances.hosts import parse_host
from autotag.instances.wall import scope_to_instance
from autotag.models.engine import prepare_engine
from autotag.observability import accept_request_id

logger = structlog.stdlib.get_logger(__name__)

UPLOADS = frozenset({"documents.upload", "documents.add_file", "api.upload_document"})
LARGEST_FORM_BYTES = 1024 * 1024
"""Of a request that is no upload; a form's fields are limited to half of that by Flask."""


def prepare_engine_of(app: Flask) -> None:
    """Add the connection hooks to the engines that Flask-SQLAlchemy made."""
    with app.app_context():
        prepare_engine(db.engine)


def register(app: Flask) -> None:
    """Add the hooks, in the order in which they run."""
    # Before the extensions' own, so that what they refuse has a request id, too.
    # The body is limited before the token against forgery is looked for in it.
    app.before_request_funcs.setdefault(None, [])[:0] = [_bind_log, _find_instance, _limit_body]
    app.before_request(_refuse_strangers)
    app.after_request(_name_request)
    app.after_request(_tell_request)


def needs_no_instance(endpoint: str | None) -> bool:
    """Whether an endpoint belongs to the installation and answers on any host: health, metrics, static files."""
    return endpoint is not None and (
        endpoint in STATIC_ENDPOINTS or endpoint.startswith(("health.", "metrics."))
    )


def _bind_log() -> None:
    g.began = time.perf_counter()
    g.request_id = accept_request_id(request.headers.get("X-Request-ID"))
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _find_instance() -> None:
    if not needs_no_instance(request.endpoint):
        find_instance_of_request()


def find_instance_of_request() -> None:
    """Let the request be one of the instance whose host it names. Raises InstanceNotFound and MalformedHost."""
    host = parse_host(request.host, services().config.base_domain)
    instance = find_instance(db.session(), host)
    if instance is None:
        raise InstanceNotFound(host.name)
    g.instance = instance
    name_tenant(instance.id)
    scope_to_instance(db.session(), instance.id)
    structlog.contextvars.bind_contextvars(instance=instance.web_id)


def _limit_body() -> None:
    """Take files from those alone who may send some; whatever else is sent is short.

    The API looks at the token before the body, and a page's form is read while it is not yet known who sends it.
    """
    if request.endpoint in UPLOADS and (is_api() or current_user.is_authenticated):
        return
    most = current_app.config["MAX_CONTENT_LENGTH"]
    request.max_content_length = min(most or LARGEST_FORM_BYTES, LARGEST_FORM_BYTES)


def _refuse_strangers() -> ResponseReturnValue | None:
    """Closed by default: without a sign-in only views marked public answer, and an unknown address is a 404."""
    view = request.endpoint and _view(request.endpoint)
    if not view or needs_no_instance(request.endpoint) or getattr(view, RULE, None) == PUBLIC:
        return None
    if is_api():
        bearer.identify()
    if current_user.is_authenticated:
        return None
    if is_api():
        return bearer.refuse()
    if wants_problem():
        return problem(401, "not_signed_in", "Sign in first.")
    target = url_for("auth.sign_in")
    if request.method == "GET" and request.path != "/":
        target += "?" + urlencode({"next": request.full_path.rstrip("?")})
    return redirect(target, code=303)


def _view(endpoint: str) -> object:
    return current_app.view_functions.get(endpoint)


def _tell_request(response: Response) -> Response:
    """Count the request and write its line, without its query, which may hold a search or a token."""
    if "began" not in g or request.endpoint in STATIC_ENDPOINTS:
        return response
    duration = time.perf_counter() - g.began
    # From the first request on, which is after the web server has forked.
    services().ledger.start(services().queue.connection)
    note_request(services().ledger, request.endpoint, request.method, response.status_code, duration)
    if not needs_no_instance(request.endpoint):
        logger.info(
            "request",
            method=request.method,
            path=request.path,
            endpoint=request.endpoint,
            status=response.status_code,
            duration=round(duration, 4),
        )
    return response


def _name_request(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("request_id", "")
    return response
