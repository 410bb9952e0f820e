"""From replies to an outcome: pure, so that every case can be read and tested without a provider."""

from dataclasses import replace

from autotag.configuration.effective import TaggingSettings
from autotag.models import TaggingState
from autotag.tagging.pipeline.claims import Claim
from autotag.tagging.pipeline.outcome import Outcome
from autotag.tagging.pipeline.provider_calls import Replies
from autotag.tagging.pipeline.trouble import crashed
from autotag.tagging.policy import Candidate, Decision, Verdict, decide, explain_no_tags

BAD_IMAGE = "bad_image"
"""Code of a service that could not read an image; any other that cannot take it has limits of its own."""

HAS_ITS_TAGS = (Verdict.ALREADY_THERE, Verdict.OVER_MAXIMUM)
"""Verdicts that, with no tag accepted, say that the document has its tags already: no more than the maximum fit."""

ALREADY_THERE = "It was tagged again; nothing was to be added."


def conclude(held: Claim, settings: TaggingSettings, replies: Replies) -> Outcome:
    """Say how the attempt ends, with the tags that follow from all answers so far."""
    decisions = tuple(_decisions(held, settings, replies))
    predictions = tuple(replies.answers)
    if replies.crash:
        return replace(crashed(held, replies.crash), decisions=decisions, predictions=predictions)
    if replies.waits:
        wait = min(replies.waits, key=lambda wait: wait.until)
        return Outcome(
            TaggingState.QUEUED,
            wait.code,
            wait.reason,
            decisions=decisions,
            predictions=predictions,
            not_before=wait.until,
            trouble=wait.trouble,
            # What was said of the same bytes before is written at the first attempt, and not held back.
            counted=replies.tried or (held.attempt == 1 and bool(replies.answers)),
        )
    if any(decision.verdict is Verdict.ACCEPTED for decision in decisions):
        return Outcome(TaggingState.TAGGED, decisions=decisions, predictions=predictions)
    if any(decision.verdict in HAS_ITS_TAGS for decision in decisions):
        return Outcome(
            TaggingState.TAGGED, "already_there", ALREADY_THERE, decisions=decisions, predictions=predictions
        )
    if replies.answers:
        reason = explain_no_tags(list(decisions))
        return Outcome(TaggingState.NO_TAGS, "no_tags", reason, decisions=decisions, predictions=predictions)
    return _nothing_said(held, replies)


def _decisions(held: Claim, settings: TaggingSettings, replies: Replies) -> list[Decision]:
    thresholds = {entry.provider: entry.confidence_threshold for entry in settings.providers}
    candidates = [
        Candidate(name, score, answer.provider, answer.model, thresholds[answer.provider])
        for answer in replies.answers
        for name, score in answer.pairs
    ]
    return decide(
        candidates,
        maximum=settings.maximum_number_of_tags,
        existing=held.existing,
        rejected=held.rejected,
        automatic=held.automatic,
    )


def _nothing_said(held: Claim, replies: Replies) -> Outcome:
    if replies.failures:
        error = replies.failures[0]
        return Outcome(TaggingState.FAILED, error.code, error.message)
    if replies.unsuitable:
        error = replies.unsuitable[0]
        state = TaggingState.FAILED if error.code == BAD_IMAGE else TaggingState.SKIPPED
        return Outcome(state, error.code, error.message)
    return Outcome(
        TaggingState.SKIPPED, "type_not_taken", f"No enabled provider takes {held.mime_type} files."
    )
