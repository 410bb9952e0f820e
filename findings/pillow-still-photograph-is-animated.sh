#!/bin/sh
# Pillow takes a still photograph from a phone for an animation, in a format that nobody asked for
#
# Expected: Image.open(file, formats=["JPEG"]) gives the format "JPEG" or an error. A photograph has one frame, and
#   is_animated is true for animations only. What a phone puts behind the picture (a gain map, a depth map, a preview)
#   is not a frame.
# Seen: If the file has a multi-picture index (MPF), the format is "MPO" and the media type is image/mpo, in spite of
#   the list of formats. n_frames is 2, is_animated is true, and ImageSequence returns the gain map, a grey picture of
#   another size, as the second frame. The file is an ordinary JPEG for a browser.
# Seen with: Pillow 13.0.0.
# Why it matters: A list of allowed formats refuses ordinary photographs, or the site serves them as image/mpo. A rule
#   for animations applies to them. Treat MPO as JPEG, and its first frame as the picture.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0
cat > check.py <<'PY'
import sys
import PIL
from PIL import Image, ImageSequence

print("Pillow", PIL.__version__)
photograph, gain_map = Image.new("RGB", (400, 300), "teal"), Image.new("L", (100, 75), 128)
photograph.save("plain.jpg", "JPEG")
photograph.save("phone.jpg", "MPO", save_all=True, append_images=[gain_map])
with open("phone.jpg", "rb") as file:
    print("phone.jpg begins as a JPEG:", file.read(3) == b"\xff\xd8\xff")
for name, wanted in (
    ("plain.jpg", ("JPEG", "image/jpeg", 1, False, [(400, 300)])),
    ("phone.jpg", ("MPO", "image/mpo", 2, True, [(400, 300), (100, 75)])),
):
    with Image.open(name, formats=["JPEG"]) as picture:
        frames = [frame.size for frame in ImageSequence.Iterator(picture)]
        animated = getattr(picture, "is_animated", False)
        seen = (picture.format, picture.get_format_mimetype(), getattr(picture, "n_frames", 1), animated, frames)
    print(f"{name}: format {seen[0]}, {seen[1]}, {seen[2]} frames, animated {seen[3]}, sizes {seen[4]}")
    if seen != wanted:
        sys.exit(f"not as described: wanted {wanted}")
PY
venv/bin/python check.py
echo "as described"
