import pytest

from autotag.providers.base import (
    ImageUnsuitable,
    ProtocolViolation,
    ProviderError,
    ProviderMisconfigured,
    ProviderUnavailable,
    VersionRetired,
)


@pytest.mark.parametrize(
    "kind",
    [ImageUnsuitable, ProviderUnavailable, ProtocolViolation, ProviderMisconfigured, VersionRetired],
)
def test_an_error_carries_a_code_for_programs_and_a_sentence_for_people(kind: type[ProviderError]) -> None:
    error = kind("code", "A sentence.")
    assert isinstance(error, ProviderError)
    assert (error.code, error.message, str(error)) == ("code", "A sentence.", "A sentence.")


def test_a_service_in_trouble_may_say_when_to_come_back() -> None:
    assert ProviderUnavailable("busy", "Busy.", retry_after=7.5).retry_after == 7.5
    assert ProviderUnavailable("busy", "Busy.").retry_after is None


def test_each_kind_has_one_consequence() -> None:
    """The caller chooses by the class: come back later, tell the administrator, or neither."""
    assert issubclass(ProtocolViolation, ProviderUnavailable)
    assert issubclass(VersionRetired, ProviderMisconfigured)
    assert not issubclass(ProviderMisconfigured, ProviderUnavailable)
    assert not issubclass(ImageUnsuitable, ProviderUnavailable | ProviderMisconfigured)
