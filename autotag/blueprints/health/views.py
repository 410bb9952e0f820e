"""Health: alive, and ready with each dependency."""

from flask import jsonify
from flask.typing import ResponseReturnValue
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from autotag.blueprints.access import public
from autotag.blueprints.health import blueprint
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.media.errors import StorageError, StorageUnavailable


@blueprint.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """Answer while the process lives."""
    return jsonify(status="alive")


@blueprint.get("/readyz")
@public
def readyz() -> ResponseReturnValue:
    """Answer 200 when database, broker and storage can be used, else 503, with each of them."""
    checks = {"database": _database(), "broker": _broker(), "storage": _storage()}
    ready = all(value == "ok" for value in checks.values())
    return jsonify(status="ready" if ready else "not ready", checks=checks), 200 if ready else 503


def _database() -> str:
    try:
        db.session.execute(text("SELECT 1 FROM virtual_instance"))
    except SQLAlchemyError:
        return "unreachable"
    return "ok"


def _broker() -> str:
    try:
        services().queue.waiting()
    except RedisError:
        return "unreachable; uploads are kept and tagged when it is back"
    return "ok"


def _storage() -> str:
    try:
        services().storage.check()
    except StorageUnavailable:
        return "unreachable"
    except (OSError, StorageError):
        return "not writable"
    return "ok"
