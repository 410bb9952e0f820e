import pytest

from autotag.models import Document, TaggingState


def test_only_queued_and_running_go_on_by_themselves() -> None:
    assert {state for state in TaggingState if not state.is_final} == {
        TaggingState.QUEUED,
        TaggingState.RUNNING,
    }


@pytest.mark.parametrize(("width", "has"), [(None, False), (640, True)])
def test_a_document_that_was_decoded_has_pictures(width: int | None, has: bool) -> None:
    assert Document(width=width).has_renditions is has
