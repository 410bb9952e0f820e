"""Words of the operations page: durations, amounts of money, and what a group of documents waits for or failed of."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from autotag.blueprints.documents.reason_labels import reason_word
from autotag.blueprints.operations import blueprint
from autotag.blueprints.presentation import NO_BREAK_SPACE, provider_label
from autotag.models import TaggingState
from autotag.models.base import utc_now
from autotag.operations.open_documents import Group, Item
from autotag.operations.page import Operations
from autotag.tagging.provider_health.circuit_breaker import WAITING
from autotag.tagging.provider_health.process_breaker import PROCESS_DISABLED
from autotag.tagging.runs.retry import HOPELESS, RETRIED

_UNITS = (("s", 60), ("min", 60), ("h", 24))


@dataclass(frozen=True, slots=True)
class GroupView:
    """How a group of documents is shown. `detail` says more when all have it in common; `until` when it goes on."""

    heading: str
    detail: str = ""
    until: datetime | None = None
    may_retry: bool = False


@blueprint.app_template_filter()
def duration(seconds: float) -> str:
    """Say a time span in its largest unit: 8 s, 3 min, 2 h, 4 days."""
    amount = max(0, round(seconds))
    for unit, size in _UNITS:
        if amount < size:
            return f"{amount}{NO_BREAK_SPACE}{unit}"
        amount //= size
    return f"{amount}{NO_BREAK_SPACE}{'day' if amount == 1 else 'days'}"


@blueprint.app_template_filter()
def age(since: datetime) -> str:
    """Say how long ago a moment was."""
    return duration((utc_now() - since).total_seconds())


@blueprint.app_template_filter()
def seconds_text(seconds: float) -> str:
    """Say how long one image takes: 0.14 s, 2.5 s, 12 s."""
    figure = f"{seconds:.2f}" if seconds < 1 else f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}"
    return f"{figure}{NO_BREAK_SPACE}s"


@blueprint.app_template_filter()
def money(amount: float, currency: str) -> str:
    """Say an amount in whole hundredths: USD 1,234.50."""
    return f"{currency}{NO_BREAK_SPACE}{amount:,.2f}"


@blueprint.app_template_filter()
def part_of(done: int, total: int) -> str:
    """Say how much of something is done: 1,200 of 5,000."""
    return f"{done:,} of {total:,}"


@blueprint.app_template_global()
def group_view(group: Group, items: Sequence[Item], operations: Operations) -> GroupView:
    """Say what a group waits for, or of what it failed."""
    if group.state is TaggingState.QUEUED:
        return _waiting(group, items, operations)
    reasons = {item.reason for item in items}
    may_retry = group.state in RETRIED and group.code not in HOPELESS
    if len(reasons) == 1 and (common := reasons.pop()):
        return GroupView(common, may_retry=may_retry)
    return GroupView(reason_word(group.code), may_retry=may_retry)


def _waiting(group: Group, items: Sequence[Item], operations: Operations) -> GroupView:
    until = _until(items)
    reasons = {item.reason for item in items}
    detail = reasons.pop() if len(reasons) == 1 else ""
    if group.code == PROCESS_DISABLED:
        return GroupView("Waiting for the TensorFlow process, which is disabled")
    if group.code.startswith(WAITING):
        provider = group.code.removeprefix(WAITING)
        for use in operations.providers:
            if use.instance_id == group.instance_id and use.entry.provider == provider:
                trouble = use.overview.trouble
                if use.overview.is_paused and trouble is not None:
                    return GroupView(
                        f"Waiting for {provider_label(provider)}, which is paused", trouble.reason
                    )
                if trouble is not None:
                    detail, until = trouble.reason, trouble.retry_at
        return GroupView(f"Waiting for {provider_label(provider)}", detail, until)
    if not group.code:
        return GroupView("Waiting for a worker")
    return GroupView("Waiting for another try", detail, until)


def _until(items: Sequence[Item]) -> datetime | None:
    moments = [item.not_before for item in items if item.not_before is not None]
    first = min(moments, default=None)
    return first if first is not None and first > utc_now() else None
