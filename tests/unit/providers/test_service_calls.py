"""What a failure of a call means for a provider."""

import pytest

from autotag.outbound_http.errors import AnswerUnusable, OutboundError, RequestRefused, ServiceUnreachable
from autotag.providers.base import (
    ProtocolViolation,
    ProviderError,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from autotag.providers.service_calls import post


@pytest.mark.parametrize(
    ("failure", "meaning"),
    [
        (RequestRefused, ProviderMisconfigured),
        (ServiceUnreachable, ProviderUnavailable),
        (AnswerUnusable, ProtocolViolation),
    ],
)
def test_a_failed_call_is_told_in_the_words_of_providers(
    failure: type[OutboundError], meaning: type[ProviderError]
) -> None:
    class Broken:
        def post(self, *_: object) -> None:
            raise failure("a_code", "A sentence.")

    with pytest.raises(ProviderError) as caught:
        post(Broken(), "https://service.example", b"", {})  # type: ignore[arg-type]
    error = caught.value
    assert (type(error), error.code, error.message) == (meaning, "a_code", "A sentence.")
    assert error.__context__ is None
