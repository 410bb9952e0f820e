"""All metrics in Prometheus' text format."""

from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from autotag import __version__
from autotag.blueprints.metrics.stock import stock_metrics
from autotag.blueprints.metrics.summed import summed_metrics
from autotag.operations.metrics_snapshot import Gauges
from autotag.operations.process_status import Crew

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Present(Collector):
    """Gives the registry what was found when somebody asked."""

    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        stock, crew = self._gauges.stock, self._gauges.crew
        yield InfoMetricFamily("autotag_build", "The version that runs.", value={"version": __version__})
        yield GaugeMetricFamily("autotag_database_up", "Whether the database answers.", stock is not None)
        yield GaugeMetricFamily("autotag_broker_up", "Whether the broker answers.", crew.is_reachable)
        if stock is not None:
            yield from stock_metrics(stock)
        if crew.is_reachable:
            yield from _crew_metrics(crew)
        if self._gauges.samples is not None:
            yield from summed_metrics(self._gauges.samples, stock.instances if stock is not None else None)


def expose(gauges: Gauges) -> bytes:
    """Return the text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Present(gauges))
    return generate_latest(registry)


def _crew_metrics(crew: Crew) -> Iterator[Metric]:
    yield GaugeMetricFamily("autotag_jobs_waiting", "Jobs in the broker's queue.", crew.jobs_waiting)
    workers = "Workers that gave a sign within the last ten seconds."
    yield GaugeMetricFamily("autotag_workers_alive", workers, len(crew.workers))
    schedulers = "Schedulers that gave a sign within the last ten seconds."
    yield GaugeMetricFamily("autotag_schedulers_alive", schedulers, len(crew.schedulers))
    failing = "Steps of the scheduler, or parts of them, whose last try failed."
    yield GaugeMetricFamily("autotag_steps_failing", failing, len(crew.failing))
