import subprocess
import sys
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotag.providers.base import ProviderMisconfigured
from autotag.providers.microsoft.endpoint import (
    AnswerForm,
    Endpoint,
    RetiredVersion,
    read_endpoint,
    retired_version,
)

REGION = "https://westcentralus.api.cognitive.microsoft.com"
RESOURCE = "https://name.cognitiveservices.azure.com"
ANALYZE = "/computervision/imageanalysis:analyze?features=tags&api-version=2024-02-01"


@pytest.mark.parametrize(
    ("address", "url", "version", "form"),
    [
        (f"{REGION}/vision/v1.0", f"{REGION}/vision/v1.0/tag", "v1.0", AnswerForm.TAG_V2),
        (f"{REGION}/vision/v2.0", f"{REGION}/vision/v2.0/tag", "v2.0", AnswerForm.TAG_V2),
        (f"{REGION}/vision/v2.0/", f"{REGION}/vision/v2.0/tag", "v2.0", AnswerForm.TAG_V2),
        (f"{REGION}/vision/v2.1//", f"{REGION}/vision/v2.1/tag", "v2.1", AnswerForm.TAG_V2),
        (f"{REGION}/Vision/V3.1", f"{REGION}/Vision/V3.1/tag", "v3.1", AnswerForm.TAG_V3),
        (f"{REGION}/vision/v3.2", f"{REGION}/vision/v3.2/tag", "v3.2", AnswerForm.TAG_V3),
        (RESOURCE, RESOURCE + ANALYZE, "2024-02-01", AnswerForm.ANALYZE),
        (f" {RESOURCE}/ ", RESOURCE + ANALYZE, "2024-02-01", AnswerForm.ANALYZE),
        ("http://gw:8080/", "http://gw:8080" + ANALYZE, "2024-02-01", AnswerForm.ANALYZE),
        (
            "https://gw.example/a/vision/v3.2",
            "https://gw.example/a/vision/v3.2/tag",
            "v3.2",
            AnswerForm.TAG_V3,
        ),
        ("https://gw.example/cv/v2.0", "https://gw.example/cv/v2.0/tag", "v2.0", AnswerForm.TAG_V2),
        ("https://gw.example/mirror/", "https://gw.example/mirror/tag", "unversioned", AnswerForm.TAG_V3),
    ],
)
def test_an_endpoint_says_where_to_post_and_what_comes_back(address, url, version, form):
    assert read_endpoint(address) == Endpoint(url, version, form)


@pytest.mark.parametrize(
    "address",
    ["", "name.cognitiveservices.azure.com", "https://", "https://[::1", f"{RESOURCE}?a=b", f"{RESOURCE}#a"],
)
def test_what_is_no_endpoint_is_refused(address):
    with pytest.raises(ProviderMisconfigured) as caught:
        read_endpoint(address)
    assert caught.value.code == "address_refused"
    assert retired_version(address) is None


@pytest.mark.parametrize("version", ["v1.0", "v2.0", "v2.1", "v3.0", "v3.1"])
def test_a_retired_version_comes_with_the_day_and_the_address_to_use_instead(version):
    found = retired_version(f"{REGION}/vision/{version}/")
    assert found == RetiredVersion(version, date(2026, 9, 13), f"{REGION}/vision/v3.2")


def test_the_way_to_a_gateway_is_kept():
    found = retired_version("https://gw.example:8443/a/Vision/V2.0")
    assert found.replacement == "https://gw.example:8443/a/Vision/v3.2"
    assert found.version == "v2.0"


@pytest.mark.parametrize(
    "address",
    [
        RESOURCE,
        f"{REGION}/vision/v3.2",
        "https://gw.example/v2.0",
        f"{REGION}/vision/v2.0/tag",
        f"{REGION}/vision/v4.0",
    ],
)
def test_other_endpoints_are_not_retired(address):
    assert retired_version(address) is None


@given(st.text(max_size=40))
def test_whatever_is_entered_only_a_provider_error_escapes(text):
    for address in (text, f"https://host/{text}"):
        try:
            assert len(read_endpoint(address).version) < 16
        except ProviderMisconfigured:
            continue


def test_pages_can_use_it_without_what_calls_services():
    program = "import sys, autotag.providers.microsoft.endpoint; sys.exit('requests' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
