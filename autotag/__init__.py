"""Autotag: a website where teams upload files and images are tagged by themselves."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from autotag.config import Config

__version__ = "0.1.0"


def create_app(config: "Config") -> "Flask":
    """Build the web application for a configuration; no query, no connection, no file is opened by it."""
    from flask import Flask

    from autotag import blueprints

    app = Flask(__name__, instance_path=str(config.instance_path))
    blueprints.configure(app, config)
    blueprints.bind_extensions(app)
    blueprints.register_hooks(app)
    blueprints.register_errors(app)
    blueprints.register_presentation(app)
    blueprints.register_blueprints(app)
    return app
