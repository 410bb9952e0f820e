"""Calls of providers to their services, with failures as providers tell them."""

from collections.abc import Mapping

from autotag.outbound_http.client import Reply, WebClient
from autotag.outbound_http.errors import AnswerUnusable, OutboundError, RequestRefused
from autotag.providers.base import (
    ProtocolViolation,
    ProviderError,
    ProviderMisconfigured,
    ProviderUnavailable,
)

KINDS: Mapping[type[OutboundError], type[ProviderError]] = {
    RequestRefused: ProviderMisconfigured,
    AnswerUnusable: ProtocolViolation,
}
"""What a failure of a call means for a provider; every other one is trouble of the service."""


def post(client: WebClient, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    """Send one POST and return the answer. Raises the ProviderError that a failure of the call means."""
    try:
        return client.post(url, body, headers)
    except OutboundError as error:
        failure = KINDS.get(type(error), ProviderUnavailable)(error.code, error.message)
    # Outside of the handler, so that nothing of the call is reachable as the context of the error.
    raise failure
