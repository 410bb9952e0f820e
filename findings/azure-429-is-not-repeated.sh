#!/bin/sh
# azure-ai-vision-imageanalysis repeats "429 Too Many Requests" only with Retry-After, and then waits past its own
# limit
#
# Expected: The docstring in azure-core's RetryPolicy says that 408, 429, 500, 502, 503 and 504 are repeated. The
#   pauses between the calls grow up to retry_backoff_max seconds.
# Seen: 500 and 503 are repeated. 408, 429 and 502 without a Retry-After header raise HttpResponseError at once,
#   because analyze() is a POST, and the list counts for other methods only. With the header, the client sleeps inside
#   analyze() for as long as the header says, whatever retry_backoff_max is. The older client of the same service,
#   azure-cognitiveservices-vision-computervision, repeats neither 429 nor 503, with or without the header.
# Seen with: azure-ai-vision-imageanalysis 1.0.0, azure-core 1.41.0, azure-cognitiveservices-vision-computervision
#   0.9.1, msrest 0.7.1.
# Why it matters: 429 is an everyday answer in the free tier. A backlog fails at once, or a worker stands still for as
#   long as a gateway tells it to. A product should repeat 429 itself, with its own pause and limit.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check azure-ai-vision-imageanalysis==1.0.0 azure-core==1.41.0 \
    azure-cognitiveservices-vision-computervision==0.9.1 msrest==0.7.1
cat > check.py <<'PY'
import http.server, io, json, sys, threading, time
from importlib.metadata import version

from azure.ai.vision.imageanalysis import ImageAnalysisClient
from azure.ai.vision.imageanalysis.models import VisualFeatures
from azure.cognitiveservices.vision.computervision import ComputerVisionClient
from azure.core.credentials import AzureKeyCredential
from msrest.authentication import CognitiveServicesCredentials

for name in ("azure-ai-vision-imageanalysis", "azure-core", "azure-cognitiveservices-vision-computervision", "msrest"):
    print(name, version(name))
TAGS = {
    "modelVersion": "2023-10-01",
    "metadata": {"width": 4, "height": 2},
    "tagsResult": {"values": [{"name": "harbour", "confidence": 0.9}]},
    "tags": [{"name": "harbour", "confidence": 0.9}],
}
answers, calls = [], []


class Service(http.server.BaseHTTPRequestHandler):
    """Answers each call with the next prepared status and headers, and labels if it is 200."""

    def do_POST(self):
        length = self.headers["Content-Length"]
        if length is not None:
            self.rfile.read(int(length))
        else:
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        calls.append(time.monotonic())
        status, headers = answers.pop(0)
        content = json.dumps(TAGS if status == 200 else {}).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *values):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = f"http://127.0.0.1:{server.server_port}"
new = ImageAnalysisClient(endpoint, AzureKeyCredential("key"), retry_backoff_max=1)
old = ComputerVisionClient(endpoint, CognitiveServicesCredentials("key"))


def by_new():
    return new.analyze(image_data=b"a picture", visual_features=[VisualFeatures.TAGS]).tags.list[0].name


def by_old():
    return old.tag_image_in_stream(io.BytesIO(b"a picture")).tags[0].name


FAILED = "HttpResponseError"
FAILED_OLD = "ComputerVisionErrorResponseException"
for title, call, first, wanted in (
    ("new client, 500", by_new, (500, {}), ("harbour", 2, 0)),
    ("new client, 503", by_new, (503, {}), ("harbour", 2, 0)),
    ("new client, 408", by_new, (408, {}), (FAILED, 1, 0)),
    ("new client, 502", by_new, (502, {}), (FAILED, 1, 0)),
    ("new client, 429", by_new, (429, {}), (FAILED, 1, 0)),
    ("new client, 429, Retry-After: 5", by_new, (429, {"Retry-After": "5"}), ("harbour", 2, 5)),
    ("old client, 503", by_old, (503, {}), (FAILED_OLD, 1, 0)),
    ("old client, 429, Retry-After: 1", by_old, (429, {"Retry-After": "1"}), (FAILED_OLD, 1, 0)),
):
    answers[:], calls[:] = [first, (200, {})], []
    try:
        result = call()
    except Exception as error:
        result = type(error).__name__
    waited = calls[-1] - calls[0]
    print(f"{title}: {result} after {len(calls)} calls, {waited:.1f} s between them")
    if (result, len(calls)) != wanted[:2] or not wanted[2] <= waited < wanted[2] + 3:
        sys.exit(f"not as described: wanted {wanted}")
PY
venv/bin/python check.py
echo "as described"
