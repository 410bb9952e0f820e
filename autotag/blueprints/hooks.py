"""What happens around each request: which instance, who, and that nothing stays open."""

import secrets
from urllib.parse import urlencode

import structlog
from flask import Flask, Response, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from autotag.blueprints import bearer
from autotag.blueprints.access import PUBLIC, RULE
from autotag.blueprints.errors import InstanceNotFound, is_api, problem, wants_problem
from autotag.blueprints.security import STATIC_ENDPOINTS
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.instances.directory import find_instance
from autotag.instances.hosts import parse_host
from autotag.instances.wall import scope_to_instance
from autotag.models.engine import prepare_engine


def prepare_engine_of(app: Flask) -> None:
    """Add the connection hooks to the engines that Flask-SQLAlchemy made."""
    with app.app_context():
        prepare_engine(db.engine)


def register(app: Flask) -> None:
    """Add the hooks, in the order in which they run."""
    app.before_request(_bind_log)
    app.before_request(_find_instance)
    app.before_request(_refuse_strangers)
    app.after_request(_name_request)


def needs_no_instance(endpoint: str | None) -> bool:
    """Whether an endpoint belongs to the installation and answers on any host: health checks, static files."""
    return endpoint is not None and (endpoint in STATIC_ENDPOINTS or endpoint.startswith("health."))


def _bind_log() -> None:
    g.request_id = secrets.token_hex(8)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request=g.request_id)


def _find_instance() -> None:
    if needs_no_instance(request.endpoint):
        return
    host = parse_host(request.host, services().config.base_domain)
    instance = find_instance(db.session(), host)
    if instance is None:
        raise InstanceNotFound(host.name)
    g.instance = instance
    scope_to_instance(db.session(), instance.id)
    structlog.contextvars.bind_contextvars(instance=instance.web_id)


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


def _name_request(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.get("request_id", "")
    return response
