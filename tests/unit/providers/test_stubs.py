"""The stubs are strict: what the published contracts refuse, they refuse, in the services' own shapes."""

import base64
import io
import subprocess
import sys
import time

import pytest
import requests
from PIL import Image

from autotag.outbound_http.client import WebClient

ANALYZE = "/computervision/imageanalysis:analyze"
OCTETS = {"Content-Type": "application/octet-stream"}


def encode(width=64, height=64, kind="JPEG", mode="RGB"):
    content = io.BytesIO()
    Image.new(mode, (width, height)).save(content, kind)
    return content.getvalue()


@pytest.fixture
def ask():
    with requests.Session() as session:
        session.trust_env = False

        def ask(service, path, **options):
            method = options.pop("method", "POST")
            return session.request(method, service.address + path, timeout=10, **options)

        yield ask


@pytest.fixture
def annotate(ask, google_service):
    def annotate(document, *, key=None, **options):
        headers = {"x-goog-api-key": google_service.key if key is None else key}
        return ask(google_service, "/v1/images:annotate", json=document, headers=headers, **options)

    return annotate


def question(content, **feature):
    image = {"content": content if isinstance(content, str) else base64.b64encode(content).decode()}
    return {"image": image, "features": [{"type": "LABEL_DETECTION", **feature}]}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "ICO", "TIFF"])
def test_google_labels_every_published_format(kind, annotate, google_service):
    (response,) = annotate({"requests": [question(encode(kind=kind))]}).json()["responses"]
    assert response["labelAnnotations"][0].keys() == {"mid", "description", "score", "topicality"}
    assert google_service.requests[0].image_size == (64, 64)


def test_google_takes_the_key_in_the_query_as_well(ask, google_service):
    path = f"/v1/images:annotate?key={google_service.key}"
    assert ask(google_service, path, json={"requests": []}).status_code == 200


def test_google_answers_ten_labels_unless_asked_for_more(annotate, google_service):
    google_service.labels = [(f"label {number}", 0.5) for number in range(30)]
    both = annotate({"requests": [question(encode()), question(encode(), maxResults=20)]}).json()["responses"]
    assert [len(response["labelAnnotations"]) for response in both] == [10, 20]


def test_google_leaves_the_labels_away_when_there_are_none(annotate, google_service):
    google_service.labels = []
    assert annotate({"requests": [question(encode())]}).json() == {"responses": [{}]}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"requests": [question(encode())] * 17}, "Too many images"),
        ({"requests": [question("no Base64!")]}, "Base64"),
        ({"requests": [{"image": {"content": 7}, "features": [{"type": "LABEL_DETECTION"}]}]}, "Base64"),
        ({"requests": [question(encode(), type="CATS")]}, "type"),
        ({"requests": [question(encode(), model="builtin/new")]}, "model"),
        ({"requests": [question(encode(), maxResults="many")]}, "max_results"),
        ({"requests": [{"images": []}]}, "Unknown name"),
        ({"requests": "x"}, "requests"),
        ({"requests": [{"image": []}]}, "requests"),
        ({"questions": []}, "Unknown name"),
        ([], "Unknown name"),
    ],
)
def test_google_refuses_a_malformed_request_as_a_whole(document, words, annotate):
    answer = annotate(document)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert words in error["message"]


def test_google_refuses_what_is_no_json(ask, google_service):
    headers = {"x-goog-api-key": google_service.key, "Content-Type": "application/json"}
    broken = ask(google_service, "/v1/images:annotate", data=b'{"requests": [', headers=headers)
    headers["Content-Type"] = "text/plain"
    plain = ask(google_service, "/v1/images:annotate", data=b"{}", headers=headers)
    large = ask(google_service, "/v1/images:annotate", data=b" " * (10 * 1024 * 1024 + 1), headers=headers)
    assert [answer.status_code for answer in (broken, plain, large)] == [400, 400, 400]
    assert "bytes" in large.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no image", "Bad image data"),
        (encode()[:400], "Bad image data"),
        (b"", "image and features"),
        (encode(9000, 8400, "PNG", "1"), "75 megapixels"),
    ],
    ids=["text", "truncated", "empty", "huge"],
)
def test_google_refuses_an_image_inside_an_answer_of_200(content, words, annotate):
    answer = annotate({"requests": [question(content), question(encode())]})
    refused, good = answer.json()["responses"]
    assert (answer.status_code, refused["error"]["code"]) == (200, 3)
    assert words in refused["error"]["message"]
    assert "labelAnnotations" in good


@pytest.mark.parametrize(
    ("key", "status", "reason"), [("", 403, None), ("wrong", 400, "API_KEY_INVALID")], ids=["none", "wrong"]
)
def test_google_refuses_a_missing_and_a_wrong_key(key, status, reason, annotate):
    answer = annotate({"requests": []}, key=key)
    details = answer.json()["error"].get("details", [{}])
    assert (answer.status_code, details[0].get("reason")) == (status, reason)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/images:annotate"), ("POST", "/v1/images"), ("PUT", "/")]
)
def test_google_knows_one_method_and_one_path(method, path, ask, google_service):
    answer = ask(google_service, path, method=method)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/html; charset=UTF-8")


@pytest.fixture
def tag(ask, microsoft_service):
    def tag(path, content, *, key=None, **headers):
        named = OCTETS | {"Ocp-Apim-Subscription-Key": key or microsoft_service.key}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(microsoft_service, path, data=content, headers=named)

    return tag


V2, V3, V4 = "/vision/v2.0/tag", "/vision/v3.2/tag", f"{ANALYZE}?features=tags&api-version=2024-02-01"


def code_of(answer):
    document = answer.json()
    if "code" in document:
        return "flat", document["code"]
    if "statusCode" in document:
        return "status code", document["statusCode"]
    inner = document["error"].get("innererror")
    return ("nested", inner["code"]) if inner else ("gateway", document["error"]["code"])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP"])
def test_microsoft_tags_every_published_format(kind, tag, microsoft_service):
    microsoft_service.labels = [("cat", 0.9)]
    content = encode(kind=kind)
    assert tag(V2, content).json()["tags"] == [{"name": "cat", "confidence": 0.9}]
    assert tag(V3, content).json().keys() == {"tags", "requestId", "metadata", "modelVersion"}
    found = tag(V4, content).json()
    assert found["tagsResult"]["values"] == [{"name": "cat", "confidence": 0.9}]
    assert "requestId" not in found


def test_microsoft_takes_webp_in_image_analysis_only(tag):
    content = encode(kind="WEBP")
    assert [tag(path, content).status_code for path in (V2, V3, V4)] == [400, 400, 200]


def test_microsoft_has_no_tags_in_three_ways(tag, microsoft_service):
    microsoft_service.labels = []
    found = [tag(path, encode()).json() for path in (V2, V3, V4)]
    assert (found[0]["tags"], found[1]["tags"], found[2]["tagsResult"]) == ([], None, {"values": []})


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"no image", "InvalidImageFormat"),
        (encode(50, 50), "InvalidImageSize"),
        (encode(51, 50), "InvalidImageSize"),
        (encode(16_000, 60, "PNG", "1"), "InvalidImageSize"),
        (b"", "InvalidImageSize"),
    ],
    ids=["text", "50x50", "51x50", "16000x60", "empty"],
)
def test_microsoft_refuses_images_in_the_shape_of_each_version(content, code, tag):
    answers = [tag(path, content) for path in (V2, V3, V4)]
    assert [answer.status_code for answer in answers] == [400, 400, 400]
    assert [code_of(answer) for answer in answers] == [("flat", code), ("nested", code), ("nested", code)]


def test_microsoft_takes_an_image_of_51_by_51(tag):
    assert [tag(path, encode(51, 51)).status_code for path in (V2, V3, V4)] == [200, 200, 200]


def test_microsoft_refuses_four_megabytes_and_image_analysis_twenty(tag):
    padded = encode() + b"\0" * (4 * 1024 * 1024)
    assert [tag(path, padded).status_code for path in (V2, V3, V4)] == [400, 400, 200]
    assert tag(V4, b"\0" * 20_971_520).status_code == 400


@pytest.mark.parametrize(
    ("path", "status", "shape"), [(V2, 415, "flat"), (V3, 415, "nested"), (V4, 400, "nested")]
)
def test_microsoft_refuses_another_content_type(path, status, shape, tag):
    answer = tag(path, encode(), Content_Type="image/jpeg")
    assert (answer.status_code, code_of(answer)[0]) == (status, shape)


@pytest.mark.parametrize(
    ("path", "found"), [(V2, ("status code", 401)), (V3, ("gateway", "401")), (V4, ("gateway", "401"))]
)
def test_microsoft_refuses_a_wrong_key(path, found, tag):
    answer = tag(path, encode(), key="wrong")
    assert (answer.status_code, code_of(answer)) == (401, found)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{ANALYZE}?features=tags", 400, "InvalidArgument"),
        (f"{ANALYZE}?features=tags&api-version=2020-01-01", 404, "InvalidArgument"),
        (f"{ANALYZE}?api-version=2024-02-01", 400, "BadArgument"),
        (f"{ANALYZE}?features=cats&api-version=2024-02-01", 400, "NotSupportedVisualFeature"),
        ("/vision/v2.0/tag?language=tlh", 400, "NotSupportedLanguage"),
        ("/vision/v4.0/tag", 404, "404"),
        ("/vision/v2.0/tag/tag", 404, "404"),
        ("/vision/v2.0", 404, "404"),
        ("/", 404, "404"),
    ],
)
def test_microsoft_refuses_wrong_paths_and_queries(path, status, code, tag):
    answer = tag(path, encode())
    assert (answer.status_code, code_of(answer)[1]) == (status, code)


@pytest.mark.parametrize(("way", "status"), [("404", 404), ("410", 410), ("Gone", 400)])
def test_microsoft_retires_versions(way, status, tag, microsoft_service):
    microsoft_service.retired = {"v2.0": way, "2024-02-01": way}
    assert [tag(path, encode()).status_code for path in (V2, V3, V4)] == [status, 200, status]


def test_a_stub_fails_as_often_as_it_was_told(tag, microsoft_service):
    microsoft_service.fail_next(2, "unavailable")
    answers = [tag(V2, encode()) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["Retry-After"] == "11"
    assert microsoft_service.connections == 3


def test_a_stub_is_down_and_up_again_on_its_port(tag, microsoft_service):
    microsoft_service.down()
    with pytest.raises(requests.ConnectionError):
        tag(V2, encode())
    microsoft_service.up()
    assert tag(V2, encode()).status_code == 200


def test_pictures_of_different_colours_have_different_labels(tag):
    red, blue = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (60, 60), "red").save(red, "PNG")
    Image.new("RGB", (60, 60), "blue").save(blue, "PNG")
    first, second = (tag(V2, content.getvalue()).json()["tags"] for content in (red, blue))
    assert (first[0]["name"], second[0]["name"]) == ("red", "blue")


@pytest.mark.parametrize("module", ["google_module", "microsoft_module"])
def test_a_stub_runs_by_hand(module, request):
    path = request.getfixturevalue(module).__file__
    with subprocess.Popen(
        [sys.executable, path, "--port", "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            address = process.stdout.readline().split()[0]
            host = address.removeprefix("http://")
            assert WebClient([host]).post(address, b"", {}).status == 404
        finally:
            process.kill()


def test_a_slow_stub_stops_at_once(google_module):
    with google_module.GoogleVision() as service:
        service.fail_next(1, "silence")
        with pytest.raises(requests.Timeout):
            requests.post(service.address, timeout=0.2)
        started = time.monotonic()
    assert time.monotonic() - started < 10
