#!/bin/sh
# google-cloud-vision's label_detection() and similar helpers switch off the client's retries and its timeout
#
# Expected: client.label_detection(image) is batch_annotate_images() for one picture and one feature.
#   batch_annotate_images() repeats a call after a 503 (UNAVAILABLE) and gives up after 600 seconds. The helper does
#   the same by default.
# Seen: The helpers pass retry=None and timeout=None on. To the generated client, None means "none", not "default". So
#   a single 503 is an error at once, and the HTTP call has no timeout, so a silent service holds it without end. The
#   docstring of the helper calls retry a number of attempts (int), but it has to be a Retry object.
# Seen with: google-cloud-vision 3.16.0, google-api-core 2.44.0, over REST.
# Why it matters: Examples commonly show the helpers. A worker that uses them fails pictures when the service has a
#   short fault, and it can hang when the service is silent. Always pass retry and timeout, or call
#   batch_annotate_images().
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check google-cloud-vision==3.16.0 google-api-core==2.44.0
cat > check.py <<'PY'
import http.server, json, sys, threading
from importlib.metadata import version

from google.api_core import exceptions, gapic_v1
from google.auth.credentials import AnonymousCredentials
from google.cloud import vision
from google.cloud.vision_v1.services.image_annotator.transports.rest import ImageAnnotatorRestTransport

print("google-cloud-vision", version("google-cloud-vision"), "google-api-core", version("google-api-core"))
LABELS = {"responses": [{"labelAnnotations": [{"description": "Harbour", "score": 0.9}]}]}
BUSY = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "try again"}}
answers, timeouts = [], []


class Service(http.server.BaseHTTPRequestHandler):
    """Answers each call with the next prepared answer."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = answers.pop(0)
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *values):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
transport = ImageAnnotatorRestTransport(
    host=f"127.0.0.1:{server.server_port}", url_scheme="http", credentials=AnonymousCredentials()
)
client = vision.ImageAnnotatorClient(transport=transport)
send = transport._session.request


def watched(method, url, **options):
    timeouts.append(options.get("timeout"))
    return send(method, url, **options)


transport._session.request = watched
picture = vision.Image(content=b"a picture")


def batch():
    feature = vision.Feature(type_=vision.Feature.Type.LABEL_DETECTION)
    request = vision.AnnotateImageRequest(image=picture, features=[feature])
    return client.batch_annotate_images(requests=[request]).responses[0]


def helper():
    return client.label_detection(image=picture)


def helper_told():
    return client.label_detection(image=picture, retry=gapic_v1.method.DEFAULT, timeout=gapic_v1.method.DEFAULT)


for name, call, wanted in (
    ("batch_annotate_images()", batch, ("Harbour", 2, True)),
    ("label_detection()", helper, ("ServiceUnavailable", 1, False)),
    ("label_detection(retry=DEFAULT, timeout=DEFAULT)", helper_told, ("Harbour", 2, True)),
):
    answers[:], timeouts[:] = [(503, BUSY), (200, LABELS)], []
    try:
        result = call().label_annotations[0].description
    except exceptions.GoogleAPICallError as error:
        result = type(error).__name__
    print(f"{name}: one 503, then labels: {result} after {len(timeouts)} calls, timeouts of the connection: {timeouts}")
    if (result, len(timeouts), all(isinstance(each, float | int) for each in timeouts)) != wanted:
        sys.exit(f"not as described: wanted {wanted}")
PY
venv/bin/python check.py
echo "as described"
