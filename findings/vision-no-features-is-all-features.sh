#!/bin/sh
# google-cloud-vision's annotate_image() asks for twelve features when the list of features is empty
#
# Expected: annotate_image() with features=[] asks for nothing, or someone refuses it. batch_annotate_images() sends
#   the empty list as it is.
# Seen: annotate_image() fills in every feature that the client knows, twelve in all: faces, landmarks, logos, text,
#   web search, products and so on. Only a comment in the code says so, not the docstring. If the caller passes a dict
#   without the key, the helper also changes that dict.
# Seen with: google-cloud-vision 3.16.0.
# Why it matters: Each feature of a picture is billed as a unit of its own. If a configuration has everything switched
#   off, faces and web search are asked for all the same. A product must never call it with an empty list.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check google-cloud-vision==3.16.0
cat > check.py <<'PY'
import sys
from importlib.metadata import version

from google.auth.credentials import AnonymousCredentials
from google.cloud import vision
from google.cloud.vision_v1.services.image_annotator.transports.rest import ImageAnnotatorRestTransport

print("google-cloud-vision", version("google-cloud-vision"))
transport = ImageAnnotatorRestTransport(host="127.0.0.1:1", url_scheme="http", credentials=AnonymousCredentials())
asked = []


def answer(request, **options):
    """Stand in for the service, after everything that the client adds."""
    asked.append([feature.type_.name for feature in request.requests[0].features])
    return vision.BatchAnnotateImagesResponse({"responses": [{}]})


transport._wrapped_methods[transport.batch_annotate_images] = answer
client = vision.ImageAnnotatorClient(transport=transport)
picture = vision.Image(content=b"a picture")
without = {"image": {"content": b"a picture"}}
client.batch_annotate_images(requests=[vision.AnnotateImageRequest(image=picture, features=[])])
client.annotate_image(vision.AnnotateImageRequest(image=picture, features=[]))
client.annotate_image({"image": {"content": b"a picture"}, "features": []})
client.annotate_image(without)
names = (
    "batch_annotate_images(), features=[]",
    "annotate_image(), features=[]",
    "annotate_image(dict), features=[]",
    "annotate_image(dict) without the key",
)
for name, features in zip(names, asked, strict=True):
    print(f"{name}: {len(features)} {' '.join(features)}")
print("the dict of the caller afterwards:", sorted(without))
counts = [len(features) for features in asked]
if counts != [0, 12, 12, 12] or "FACE_DETECTION" not in asked[1] or sorted(without) != ["features", "image"]:
    sys.exit("not as described")
PY
venv/bin/python check.py
echo "as described"
