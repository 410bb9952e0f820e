#!/bin/sh
# sharp turns a photograph upright, and Pillow then rotates it again
#
# Expected: sharp's autoOrient() rotates the pixels and removes the orientation from the metadata that it keeps.
#   Pillow's exif_transpose() uses the EXIF orientation, as its name says, and so it does nothing here.
# Seen: autoOrient().keepXmp() keeps tiff:Orientation = 6 in XMP. The file has no EXIF. Pillow then takes the
#   orientation from XMP: getexif() shows 6, and exif_transpose() rotates the upright picture. This is so in JPEG,
#   PNG, WebP and AVIF.
# Seen with: sharp 0.35.5, Pillow 13.0.0. ExifTool 13.59 made the source.
# Why it matters: If a product makes thumbnails and classifies with exif_transpose(), such files lie on their side for
#   people and for the model. Take the orientation from EXIF (or the container's own property) alone.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0
npm install --silent --no-audit --no-fund --prefix js sharp@0.35.5 exiftool-vendored.pl@13.59.3
exiftool="js/node_modules/exiftool-vendored.pl/bin/exiftool"
echo "ExifTool $(perl $exiftool -ver)"

venv/bin/python -c 'from PIL import Image; Image.new("RGB", (40, 20), "teal").save("camera.jpg")'
perl $exiftool -q -overwrite_original -EXIF:Orientation#=6 -XMP-tiff:Orientation#=6 -XMP-dc:Subject=harbour camera.jpg
cat > js/make.mjs <<'JS'
import sharp from 'sharp';
console.log('sharp', sharp.versions.sharp, 'libvips', sharp.versions.vips);
for (const format of ['jpeg', 'png', 'webp', 'avif'])
  await sharp('camera.jpg').autoOrient().keepXmp().toFormat(format).toFile(`upright.${format}`);
JS
node js/make.mjs
cat > check.py <<'PY'
import sys
import PIL
from PIL import Image, ImageOps

print("Pillow", PIL.__version__)
for kind in ("jpeg", "png", "webp", "avif"):
    with Image.open(f"upright.{kind}") as picture:
        picture.load()
        seen = (picture.size, "exif" in picture.info, picture.getexif().get(0x0112), ImageOps.exif_transpose(picture).size)
    print(f"{kind}: pixels {seen[0]}, EXIF in the file {seen[1]}, orientation by getexif() {seen[2]}, after exif_transpose() {seen[3]}")
    wanted = ((20, 40), False, 6, (40, 20))
    if seen != wanted:
        sys.exit(f"not as described: wanted {wanted}")
PY
venv/bin/python check.py
echo "as described"
