"""The provider: an image in Microsoft's limits out, tags in."""

from collections.abc import Mapping
from typing import Any

from autotag.outbound_http.client import WebClient
from autotag.providers.base import Answer, ImageUnsuitable, TaggableImage
from autotag.providers.microsoft.answers import TITLE, read_tags, refusal
from autotag.providers.microsoft.endpoint import read_endpoint, retired_version
from autotag.providers.registry import ProviderTools
from autotag.providers.service_calls import post

# Limits of /tag; those of Image Analysis 4.0 are wider. Both bounds are exclusive.
TOO_SMALL_SIDE = 50
TOO_MANY_BYTES = 4 * 1024 * 1024

# Far more than tags need, far below the 16,000 pixels and usually the 4 MiB that Microsoft takes.
USUAL_LONGEST_SIDE = 1600
# Only for panoramas, whose shorter side would otherwise come out too small.
LONGEST_SIDE = 10_000


class MicrosoftProvider:
    """Tags with Computer Vision (`/tag`) or Image Analysis 4.0, whichever the endpoint names, in English.

    What is sent is never the original: the image is oriented, scaled down, and encoded anew as JPEG without
    EXIF and GPS. `endpoint` may be any address; it is checked at the first image (ProviderMisconfigured).
    """

    name = "microsoft-cognitive-services"
    title = TITLE
    mime_types = frozenset({"image/bmp", "image/gif", "image/jpeg", "image/png"})
    sends_image = True

    def __init__(self, api_key: str, endpoint: str, client: WebClient) -> None:
        self._api_key = api_key.strip()  # keys are pasted
        self._address = endpoint
        self._client = client

    @property
    def model(self) -> str:
        """The service's only general model."""
        return "tags"

    @property
    def model_version(self) -> str:
        """The version that the endpoint names. Raises ProviderMisconfigured when the endpoint is no address."""
        return read_endpoint(self._address).version

    def tag(self, image: TaggableImage) -> Answer:
        """Return Microsoft's tags, at most 20. Raises ProviderError or an error of autotag.inference.errors."""
        endpoint = read_endpoint(self._address)
        headers = {"Content-Type": "application/octet-stream", "Ocp-Apim-Subscription-Key": self._api_key}
        reply = post(self._client, endpoint.url, suitable_jpeg(image), headers)
        if reply.status != 200:
            raise refusal(reply, retired=self._retired_sentence(endpoint.version))
        return Answer(read_tags(reply, endpoint.answer_form), self.model, endpoint.version)

    def _retired_sentence(self, version: str) -> str:
        retired = retired_version(self._address)
        if retired:
            return (
                f"Microsoft retired version {version} on {retired.since.isoformat()}. "
                f"Use the endpoint {retired.replacement} instead."
            )
        return f"Nothing serves version {version} at this endpoint: it was retired, or the endpoint is wrong."


def build(values: Mapping[str, Any], tools: ProviderTools) -> MicrosoftProvider:
    """Return the provider for the settings of the Microsoft Cognitive Services entry."""
    client = WebClient(tools.allowed_private_hosts)
    return MicrosoftProvider(str(values["api_key"]), str(values["api_endpoint"]), client)


def suitable_jpeg(image: TaggableImage) -> bytes:
    """Return the image as a JPEG with both sides above 50 pixels and less than 4 MiB.

    Raises ImageUnsuitable with `image_too_small`, `image_too_narrow` or `image_too_large` when there is none.
    """
    shorter, longer = sorted(image.size)
    if shorter <= TOO_SMALL_SIDE:
        width, height = image.size
        raise ImageUnsuitable(
            "image_too_small",
            f"{TITLE} takes images larger than {TOO_SMALL_SIDE} x {TOO_SMALL_SIDE} pixels; "
            f"this one has {width} x {height}.",
        )
    smallest = _smallest_longest_side(shorter, longer)
    if smallest > LONGEST_SIDE:
        raise ImageUnsuitable(
            "image_too_narrow", f"This image is too long and narrow for {TITLE}: {shorter} x {longer} pixels."
        )
    side = min(longer, max(USUAL_LONGEST_SIDE, smallest))
    while len(content := image.jpeg(side)) >= TOO_MANY_BYTES:
        if side == smallest:
            raise ImageUnsuitable(
                "image_too_large", f"This image is too large for {TITLE} however far it is scaled down."
            )
        side = max(smallest, side // 2)
    return content


def _smallest_longest_side(shorter: int, longer: int) -> int:
    """Return the longest side, in pixels, below which the shorter one would be too small for the service."""
    # One pixel more than needed, because scaling rounds; rounded up. Nothing is ever scaled up.
    return min(longer, -(-longer * (TOO_SMALL_SIDE + 2) // shorter))
