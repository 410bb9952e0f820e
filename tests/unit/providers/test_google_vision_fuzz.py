"""Whatever Google or something in its place answers, it is labels or a ProviderError."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autotag.outbound_http.client import Reply
from autotag.providers.base import ProviderError
from autotag.providers.google_vision import GoogleCloudVisionProvider


class Answering:
    """A client that answers without a network."""

    def __init__(self, status, body):
        self.reply = Reply(status, body)

    def post(self, *_, **__):
        return self.reply


FIELDS = (
    "responses",
    "labelAnnotations",
    "description",
    "score",
    "error",
    "code",
    "details",
    "reason",
    "status",
)
fields = st.sampled_from(FIELDS)
answers = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.just("INVALID_ARGUMENT"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(fields, inner, max_size=4),
    max_leaves=10,
)
shaped = st.builds(
    lambda labels, error: {"responses": [{"labelAnnotations": labels, "error": error}]}, answers, answers
)


@given(st.sampled_from([200, 400, 401, 403, 404, 429, 500]), answers | shaped | st.binary(max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_answer_only_provider_errors_escape(draw, status, document):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    provider = GoogleCloudVisionProvider("key", Answering(status, body))
    try:
        answer = provider.tag(draw(8, 8))
    except ProviderError:
        return
    assert all(0 <= prediction.confidence <= 1 for prediction in answer.predictions)
