"""The one page of the metrics."""

from flask import Response
from flask.typing import ResponseReturnValue

from autotag.blueprints.access import public
from autotag.blueprints.metrics import blueprint
from autotag.blueprints.metrics.readers import refusal
from autotag.blueprints.services import services
from autotag.extensions import db
from autotag.instances.wall import across_instances
from autotag.operations.metrics_snapshot import look


@blueprint.get("/metrics")
@public
def show() -> ResponseReturnValue:
    """Answer with all metrics of the installation; who may read them is decided here, because programs do."""
    refused = refusal()
    if refused is not None:
        return refused
    from autotag.blueprints.metrics.exposition import CONTENT_TYPE, expose

    session = db.session()
    with across_instances(session):
        gauges = look(session, services().queue)
    return Response(expose(gauges), content_type=CONTENT_TYPE)
