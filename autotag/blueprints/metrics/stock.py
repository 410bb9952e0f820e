"""The metrics that the database tells of the present."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from autotag.models import TaggingState
from autotag.models.base import utc_now
from autotag.operations.metrics_snapshot import Stock

OTHER_INSTANCES = "other"


def stock_metrics(stock: Stock) -> Iterator[Metric]:
    """Yield documents that somebody or something has to do with, how long they wait, and the TensorFlow process."""
    documents: Counter[tuple[str, str]] = Counter()
    ages: dict[tuple[str, str], float] = {}
    now = utc_now()
    for group in stock.groups:
        instance = stock.instances.get(group.instance_id, OTHER_INSTANCES)
        documents[instance, group.state] += group.count
        if group.state is TaggingState.QUEUED:
            key = (instance, "provider" if group.waits_for_something_else else "worker")
            ages[key] = max(ages.get(key, 0.0), (now - group.since).total_seconds())
    yield _gauge(
        "autotag_documents", "Documents that are not done, or in trouble.", ("instance", "state"), documents
    )
    yield _gauge(
        "autotag_oldest_queued_age_seconds",
        "How long the document has waited that waits longest, for a worker or for a provider.",
        ("instance", "waits_for"),
        ages,
    )
    process = stock.process
    crashes = "Crashes of the TensorFlow process that count towards its limit."
    yield GaugeMetricFamily("autotag_process_crashes", crashes, value=process.crashes)
    disabled = "Whether the TensorFlow process is disabled until an administrator enables it."
    yield GaugeMetricFamily("autotag_process_disabled", disabled, value=process.disabled_at is not None)


def _gauge(
    name: str,
    meaning: str,
    labels: tuple[str, str],
    values: dict[tuple[str, str], float] | Counter[tuple[str, str]],
) -> Metric:
    gauge = GaugeMetricFamily(name, meaning, labels=labels)
    for key, value in sorted(values.items()):
        gauge.add_metric(key, value)
    return gauge
