"""What processes have added up, as Prometheus reads it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from autotag.blueprints.metrics.declared import SUMMED, Declared
from autotag.blueprints.metrics.stock import OTHER_INSTANCES
from autotag.metrics.counters import BUCKETS, OVER, SUM, Sample

LONGEST_LABEL = 200

Sums = dict[tuple[str, ...], dict[str, float]]


def summed_metrics(samples: Iterable[Sample], names: Mapping[int, str] | None) -> Iterator[Metric]:
    """Yield the counters and histograms.

    `names` has the Web IDs of instances by number; without them, while the database is away, what is told by instance
    is left out, because it would look like other instances'.
    """
    sums: dict[str, Sums] = {key: {} for key in SUMMED}
    for sample in samples:
        declared = SUMMED.get(sample.metric)
        if declared is None or not _fits(sample, declared):
            # Of another version, which runs beside this one or ran before it.
            continue
        labels = sample.labels
        if declared.by_instance:
            labels = ((names or {}).get(int(labels[0]), OTHER_INSTANCES), *labels[1:])
        sums[sample.metric].setdefault(labels, defaultdict(float))[sample.part] += sample.value
    for key, declared in SUMMED.items():
        if names is not None or not declared.by_instance:
            yield _histogram(declared, sums[key]) if declared.is_histogram else _counter(declared, sums[key])


def _fits(sample: Sample, declared: Declared) -> bool:
    """Tell whether a sum is what is declared: as many labels, a part that there is, and an instance by its number."""
    parts = (*map(str, BUCKETS), OVER, SUM) if declared.is_histogram else ("",)
    is_of_instance = not declared.by_instance or (
        sample.labels[:1] != () and sample.labels[0].isascii() and sample.labels[0].isdigit()
    )
    # The largest id has ten digits; thousands of them would not even be read.
    is_short = all(len(label) <= LONGEST_LABEL for label in sample.labels)
    return len(sample.labels) == len(declared.labels) and sample.part in parts and is_of_instance and is_short


def _counter(declared: Declared, sums: Sums) -> Metric:
    counter = CounterMetricFamily(declared.name, declared.meaning, labels=declared.labels)
    if not declared.labels:
        # One without labels is there from the beginning, so that its first increase is seen.
        sums.setdefault((), {"": 0.0})
    for labels, parts in sorted(sums.items()):
        counter.add_metric(labels, parts[""])
    return counter


def _histogram(declared: Declared, sums: Sums) -> Metric:
    histogram = HistogramMetricFamily(declared.name, declared.meaning, labels=declared.labels)
    for labels, parts in sorted(sums.items()):
        reached, buckets = 0.0, []
        for bound in (*map(str, BUCKETS), OVER):
            reached += parts.get(bound, 0.0)
            buckets.append(("+Inf" if bound == OVER else bound, reached))
        histogram.add_metric(labels, buckets, parts.get(SUM, 0.0))
    return histogram
