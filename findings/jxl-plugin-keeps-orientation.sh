#!/bin/sh
# pylibjxl returns upright pixels together with an orientation that no longer applies
#
# Expected: With pylibjxl's plugin, Pillow behaves as with other formats: it returns either pixels as stored with the
#   EXIF orientation (JPEG), or upright pixels with the orientation reset (HEIF plugins). exif_transpose() gives an
#   upright picture.
# Seen: libjxl rotates the pixels when it decodes, because the codestream has an orientation of its own. Recompression
#   of a JPEG copies it from EXIF. The plugin passes the EXIF box on with Orientation 6, so exif_transpose() rotates
#   the picture again, and it lies on its side. pylibjxl.decode(metadata=True) returns the same pair. In JPEG XL, the
#   orientation of the codestream counts and the one in EXIF does not.
# Seen with: pylibjxl 0.5.0 (libjxl 0.11.2), Pillow 13.0.0.
# Why it matters: Photographs from upright phones have such an orientation, and lossless recompression is a usual way
#   to JPEG XL. A product has to ignore the EXIF orientation for this format.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pylibjxl==0.5.0 pillow==13.0.0 numpy==2.4.6
cat > check.py <<'PY'
import io, sys
from importlib.metadata import version

import pylibjxl
from PIL import Image, ImageOps

print("pylibjxl", version("pylibjxl"), "libjxl", pylibjxl.decoder_version(), "Pillow", version("pillow"))
pylibjxl.register_pillow()
stored = Image.new("RGB", (40, 20), "black")
exif = stored.getexif()
exif[0x0112] = 6
jpeg = io.BytesIO()
stored.save(jpeg, "JPEG", exif=exif)
jxl = pylibjxl.jpeg_to_jxl(jpeg.getvalue())


def look(content):
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()
        return picture.format, picture.size, picture.getexif().get(0x0112), ImageOps.exif_transpose(picture).size


pixels, metadata = pylibjxl.decode(jxl, metadata=True)
exif = Image.Exif()
exif.load(metadata["exif"])
seen = look(jpeg.getvalue()), look(jxl), (pixels.shape[1], pixels.shape[0], exif.get(0x0112))
print("JPEG: format, size, orientation, size after exif_transpose():", *seen[0])
print("the same as JPEG XL:", *seen[1])
print("pylibjxl.decode(): width, height, orientation in EXIF:", *seen[2])
wanted = ("JPEG", (40, 20), 6, (20, 40)), ("JXL", (20, 40), 6, (40, 20)), (20, 40, 6)
if seen != wanted:
    sys.exit(f"not as described: wanted {wanted}")
PY
venv/bin/python check.py
echo "as described"
