"""Metrics in Prometheus' text format, for system administrators and for programs on this machine."""

from flask import Blueprint

blueprint = Blueprint("metrics", __name__)

from autotag.blueprints.metrics import views  # noqa: E402, F401 - the views register themselves
