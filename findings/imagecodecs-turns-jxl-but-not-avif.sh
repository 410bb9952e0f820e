#!/bin/sh
# imagecodecs decodes a rotated JPEG XL upright, but a rotated AVIF lies on its side
#
# Expected: Both formats store the orientation as a part of the picture (codestream or container) that every reader
#   has to apply. One library returns both pictures alike: upright, as browsers show them.
# Seen: jpegxl_decode() returns upright pixels, because libjxl rotates them. avif_decode() returns them as stored:
#   libavif leaves the rotation property (irot) to its caller, and imagecodecs neither applies nor reports it. EXIF
#   does not help, because an AVIF may have none. Pillow gets the size right.
# Seen with: imagecodecs 2026.3.6, Pillow 13.0.0. pylibjxl 0.5.0 made the JPEG XL.
# Why it matters: A model sees upright photographs from phones on their side, in one format only, so tests with other
#   formats show nothing. Read irot and imir from the file, or decode AVIF with Pillow.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check imagecodecs==2026.3.6 pillow==13.0.0 pylibjxl==0.5.0 numpy==2.4.6
cat > check.py <<'PY'
import io, sys
from importlib.metadata import version

import imagecodecs
import pylibjxl
from PIL import Image, ImageOps

print(*(f"{name} {version(name)}" for name in ("imagecodecs", "pillow", "pylibjxl")))
stored = Image.new("RGB", (64, 32), "black")
stored.paste("white", (0, 0, 32, 32))
exif = stored.getexif()
exif[0x0112] = 6
jpeg, avif = io.BytesIO(), io.BytesIO()
stored.save(jpeg, "JPEG", exif=exif, quality=95)
stored.save(avif, "AVIF", exif=exif, quality=95)
jxl = pylibjxl.jpeg_to_jxl(jpeg.getvalue())
print("the AVIF has a rotation property:", b"irot" in avif.getvalue())


def look(pixels):
    """Return width and height, and whether the picture's top left and bottom right corners are light."""
    return pixels.shape[1], pixels.shape[0], bool(pixels[1, 1, 0] > 128), bool(pixels[-2, -2, 0] > 128), bool(pixels[1, -2, 0] > 128)


with Image.open(avif) as picture:
    upright = ImageOps.exif_transpose(picture).size
seen = upright, look(imagecodecs.jpegxl_decode(jxl)), look(imagecodecs.avif_decode(avif.getvalue()))
print("AVIF by Pillow, upright:", *seen[0])
print("JPEG XL by imagecodecs: width, height, light top left, bottom right, top right:", *seen[1])
print("AVIF by imagecodecs: the same:", *seen[2])
wanted = (32, 64), (32, 64, True, False, True), (64, 32, True, False, False)
if seen != wanted:
    sys.exit(f"not as described: wanted {wanted}")
PY
venv/bin/python check.py
echo "as described"
