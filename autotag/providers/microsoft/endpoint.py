"""What a configured endpoint means: where to send images, what comes back, and whether Microsoft retired it.

Nothing here calls anything or imports what calls, so that pages can use it.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import Enum
from urllib.parse import SplitResult, urlsplit

from autotag.providers.base import ProviderMisconfigured

ANALYZE_VERSION = "2024-02-01"
CURRENT_TAG_VERSION = "v3.2"
UNVERSIONED = "unversioned"

# Announced as "computer-vision-api-retirements-13-9-2026" on azure.microsoft.com/updates.
RETIREMENT_DAY = date(2026, 9, 13)
RETIRED_VERSIONS = frozenset({"v1.0", "v2.0", "v2.1", "v3.0", "v3.1"})

_VISION_PATH = re.compile(r"(?P<before>.*/vision)/(?P<version>v\d{1,3}\.\d{1,3})", re.IGNORECASE)
_VERSION_AT_END = re.compile(r".*/(?P<version>v\d{1,3}(\.\d{1,3})?)", re.IGNORECASE)


class AnswerForm(Enum):
    """How an endpoint writes its answers."""

    TAG_V2 = "tag v2"
    TAG_V3 = "tag v3"
    ANALYZE = "analyze"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where images are posted to, the version that is there, and the form of its answers."""

    url: str
    version: str
    answer_form: AnswerForm


@dataclass(frozen=True, slots=True)
class RetiredVersion:
    """A version that Microsoft serves no more, since when, and the endpoint of the same host to use instead."""

    version: str
    since: date
    replacement: str


def read_endpoint(address: str) -> Endpoint:
    """Return what a configured endpoint means; whether its host may be called is the web client's to check.

    `/vision/vX.Y` at the end is Computer Vision: images go to `/tag` below it. An address without a path is a
    resource as the portal shows it, served by Image Analysis 4.0. Any other path is a gateway's or a mirror's,
    and has its own `/tag`. Slashes at the end do not matter. Raises ProviderMisconfigured ("address_refused").
    """
    parts = _split(address)
    if not parts.path:
        path = f"/computervision/imageanalysis:analyze?features=tags&api-version={ANALYZE_VERSION}"
        return Endpoint(_origin(parts) + path, ANALYZE_VERSION, AnswerForm.ANALYZE)
    url = f"{_origin(parts)}{parts.path}/tag"
    found = _VERSION_AT_END.fullmatch(parts.path)
    version = found["version"].lower() if found else UNVERSIONED
    # v3.2's form may have null where v2's may not; whoever names no older version gets the lenient reading.
    is_old = version.startswith(("v1", "v2"))
    return Endpoint(url, version, AnswerForm.TAG_V2 if is_old else AnswerForm.TAG_V3)


def retired_version(address: str) -> RetiredVersion | None:
    """Return the retired version that an endpoint names, or None; gateways may serve it all the same."""
    try:
        parts = _split(address)
    except ProviderMisconfigured:
        return None
    found = _VISION_PATH.fullmatch(parts.path)
    if not found or found["version"].lower() not in RETIRED_VERSIONS:
        return None
    replacement = f"{_origin(parts)}{found['before']}/{CURRENT_TAG_VERSION}"
    return RetiredVersion(found["version"].lower(), RETIREMENT_DAY, replacement)


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        raise _refused("cannot be read") from None
    if not parts.scheme or not parts.netloc:
        raise _refused("must begin with https:// and a host")
    if parts.query or parts.fragment:
        raise _refused("must not hold a query (?) or a fragment (#)")
    return parts._replace(path=parts.path.rstrip("/"))


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}"


def _refused(why: str) -> ProviderMisconfigured:
    return ProviderMisconfigured("address_refused", f"The endpoint's address is refused: it {why}.")
