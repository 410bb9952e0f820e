"""The metrics that processes add up: names, meanings and labels, once."""

from dataclasses import dataclass

from autotag.blueprints.request_counts import REQUEST_SECONDS, REQUESTS
from autotag.metrics import worker_metrics


@dataclass(frozen=True, slots=True)
class Declared:
    """A counter, or a histogram of durations."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()
    is_histogram: bool = False

    @property
    def by_instance(self) -> bool:
        """Whether there are series for each instance."""
        return self.labels[:1] == ("instance",)


SUMMED = {
    REQUESTS: Declared("autotag_http_requests", "Requests answered.", ("endpoint", "method", "status")),
    REQUEST_SECONDS: Declared(
        "autotag_http_request_duration_seconds",
        "Time to answer.",
        ("endpoint", "method"),
        is_histogram=True,
    ),
    worker_metrics.IMAGES: Declared(
        "autotag_images",
        "Documents that came to the end of an attempt, by its outcome.",
        ("instance", "state"),
    ),
    worker_metrics.STAGES: Declared(
        "autotag_stage_duration_seconds",
        "Time at a stage of tagging; whole has all others in it.",
        ("stage",),
        is_histogram=True,
    ),
    worker_metrics.PROVIDER_CALLS: Declared(
        "autotag_provider_calls", "Images that a provider was asked about.", ("instance", "provider")
    ),
    worker_metrics.PROVIDER_SECONDS: Declared(
        "autotag_provider_call_duration_seconds",
        "Time until a provider answered.",
        ("provider",),
        is_histogram=True,
    ),
    worker_metrics.PROVIDER_ERRORS: Declared(
        "autotag_provider_errors",
        "Images that a provider gave no answer about.",
        ("instance", "provider", "code"),
    ),
    worker_metrics.STEP_FAILURES: Declared(
        "autotag_step_failures",
        "Tries of a step of the scheduler that raised an error; each is made again.",
        ("step",),
    ),
    worker_metrics.RELAUNCHES: Declared(
        "autotag_process_relaunches", "TensorFlow processes that died and were started again."
    ),
}
