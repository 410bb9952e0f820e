"""What a person or a program asks for over HTTP: the steps that `create_app` takes, in their order."""

from flask import Flask

from autotag.blueprints import errors, hooks, presentation, security
from autotag.blueprints.cookies import HostBoundSessions
from autotag.blueprints.services import Services
from autotag.config import Config
from autotag.extensions import compress, csrf, db, limiter, login_manager, rate_limit_storage
from autotag.media.storage.choice import storage_of
from autotag.metrics.counters import Ledger
from autotag.models.engine import engine_options
from autotag.operations.page import OperationsRoom
from autotag.tagging.queueing.queue import TaggingQueue, connect

MAXIMUM_REQUEST_BYTES = 512 * 1024 * 1024
REQUEST_OVERHEAD_BYTES = 1024 * 1024


def configure(app: Flask, config: Config) -> None:
    """Set what Flask and its extensions read, and hang the installation's services on the application."""
    app.config.update(
        SECRET_KEY=config.secret_key,
        SECRET_KEY_FALLBACKS=list(config.secret_key_fallbacks),
        SQLALCHEMY_DATABASE_URI=config.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=engine_options(config.database_url),
        MAX_CONTENT_LENGTH=MAXIMUM_REQUEST_BYTES + REQUEST_OVERHEAD_BYTES,
        SESSION_COOKIE_NAME="autotag",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        WTF_CSRF_TIME_LIMIT=None,
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=True,
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_HEADER_LIMIT="RateLimit-Limit",
        RATELIMIT_HEADER_REMAINING="RateLimit-Remaining",
        RATELIMIT_HEADER_RESET="RateLimit-Reset",
        SESSION_REFRESH_EACH_REQUEST=False,
        # Pages stay as they are: compressing what holds a token beside what a caller chose helps to guess it.
        COMPRESS_MIMETYPES=["text/css", "text/javascript", "image/svg+xml"],
        COMPRESS_ALGORITHM=["br", "gzip"],
        BOOTSTRAP_SERVE_LOCAL=True,
        TEMPLATES_AUTO_RELOAD=False,
    )
    app.session_interface = HostBoundSessions()
    security.believe_proxies(app, config.proxies)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    queue = TaggingQueue(connect(config.broker_url))
    app.config.update(rate_limit_storage(config.broker_url, queue.connection.connection_pool))
    app.extensions["autotag"] = Services(
        config=config,
        storage=storage_of(config),
        queue=queue,
        operations=OperationsRoom(queue),
        ledger=Ledger(),
    )


def bind_extensions(app: Flask) -> None:
    """Bind the extensions of autotag.extensions."""
    db.init_app(app)
    hooks.prepare_engine_of(app)
    csrf.init_app(app)
    login_manager.init_app(app)
    limiter.init_app(app)
    compress.init_app(app)
    security.init_app(app)


def register_hooks(app: Flask) -> None:
    """Add what happens around each request."""
    hooks.register(app)


def register_errors(app: Flask) -> None:
    """Turn errors into pages, or into problem documents for programs."""
    errors.register(app)


def register_presentation(app: Flask) -> None:
    """Add the filters and functions of the templates."""
    from autotag.blueprints.documents import bulk_labels, filter_labels, labels

    presentation.register(app)
    labels.register(app)
    filter_labels.register(app)
    bulk_labels.register(app)


def register_blueprints(app: Flask) -> None:
    """Add the pages."""
    from autotag.blueprints import (
        account,
        api,
        auth,
        bulk_actions,
        control_panel,
        documents,
        folders,
        health,
        instance_settings,
        metrics,
        operations,
        recycle_bin,
        runs,
        system_settings,
        tags,
        webhooks,
    )

    app.register_blueprint(auth.blueprint)
    app.register_blueprint(documents.blueprint)
    app.register_blueprint(folders.blueprint)
    app.register_blueprint(tags.blueprint)
    app.register_blueprint(recycle_bin.blueprint)
    app.register_blueprint(bulk_actions.blueprint)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(metrics.blueprint)
    app.register_blueprint(account.blueprint)
    app.register_blueprint(operations.blueprint)
    for blueprint in control_panel.BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_blueprint(system_settings.blueprint)
    app.register_blueprint(instance_settings.blueprint)
    app.register_blueprint(runs.blueprint)
    app.register_blueprint(api.blueprint)
    app.register_blueprint(api.reference_blueprint)
    csrf.exempt(api.blueprint)
    app.register_blueprint(webhooks.blueprint)
