#!/bin/sh
# google-cloud-vision: label_detection() and its sisters switch off the client's retries and its timeout
#
# Expected: client.label_detection(image) is batch_annotate_images() for one picture and one feature. The latter repeats a call that
#   the service answers with 503 (UNAVAILABLE), and gives up after 600 seconds; so should the former, if told nothing else.
# Seen: the helpers hand retry=None and timeout=None on. To the generated client, None means "none", not "the default". So one
#   503 is an error at once, and a service that accepts the connection and never answers is waited for without end. The docstring
#   of the helpers also says that retry is a number of attempts (int); it has to be a Retry object.
# Seen with: google-cloud-vision 3.16.0, google-api-core 2.44.0, over REST.
# Why it matters: the helpers are what every example shows. A worker that uses them fails pictures for a short fault of the
#   service and can hang for ever on a silent one. Pass retry and timeout always, or call batch_annotate_images().
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
