#!/bin/sh
# sharp's keepMetadata() cuts the IPTC of a TIFF to its first quarter and drops most of its EXIF
#
# Expected: keepMetadata() keeps EXIF, IPTC and XMP. It does so from JPEG to JPEG, and TIFF has a place for each of
#   them.
# Seen: Of EXIF, the TIFF keeps the orientation, but not the artist, the GPS position and the date of the photograph.
#   The IPTC tag (33723) holds a Photoshop resource block instead of bare IPTC records, and only the first quarter of
#   that block (12 of 46 bytes here), as if the length were counted in units of four bytes and written as bytes.
#   ExifTool calls the tag bad, and Exiv2 finds no keyword. sharp gives no warning. XMP arrives whole.
# Seen with: sharp 0.35.5 (libvips 8.18.7), ExifTool 13.59, pyexiv2 2.16.0 (Exiv2 0.28.8).
# Why it matters: Picture archives are often TIFF with keywords in IPTC. A converted file has lost them and its dates
#   for good. Copy IPTC keywords to XMP before such a conversion.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0 pyexiv2==2.16.0
npm install --silent --no-audit --no-fund --prefix js sharp@0.35.5 exiftool-vendored.pl@13.59.3
exiftool="js/node_modules/exiftool-vendored.pl/bin/exiftool"
echo "ExifTool $(perl $exiftool -ver)"

venv/bin/python -c 'from PIL import Image; Image.new("RGB", (40, 20), "teal").save("source.jpg")'
perl $exiftool -q -overwrite_original -IPTC:Keywords=harbour -XMP-dc:Subject=lighthouse -EXIF:Artist="Ann Example" \
    -EXIF:Orientation#=6 -EXIF:DateTimeOriginal="2024:05:06 07:08:09" -EXIF:GPSLatitude=48.5 -EXIF:GPSLatitudeRef=N source.jpg
cat > js/make.mjs <<'JS'
import sharp from 'sharp';
console.log('sharp', sharp.versions.sharp, 'libvips', sharp.versions.vips);
for (const format of ['jpeg', 'tiff']) {
  await sharp('source.jpg').keepMetadata().toFormat(format).toFile(`kept.${format}`);
  const { iptc } = await sharp(`kept.${format}`).metadata();
  console.log(format, 'bytes of IPTC by sharp:', iptc.length);
}
JS
node js/make.mjs
cat > check.py <<'PY'
import subprocess, sys
import pyexiv2
from PIL import Image

print("pyexiv2", pyexiv2.__version__, "Exiv2", pyexiv2.__exiv2_version__)
FIELDS = ("Orientation", "Artist", "DateTimeOriginal", "GPSLatitude", "IPTC:Keywords", "XMP-dc:Subject")


def by_exiftool(name: str) -> dict[str, str]:
    command = ["perl", sys.argv[1], "-n", "-s3", "-f"]
    return {field: subprocess.run([*command, f"-{field}", name], capture_output=True, text=True).stdout.strip() for field in FIELDS}


def keywords_by_exiv2(name: str) -> object:
    with pyexiv2.Image(name) as picture:
        return picture.read_iptc().get("Iptc.Application2.Keywords")


full = ["6", "Ann Example", "2024:05:06 07:08:09", "48.5", "harbour", "lighthouse"]
for name, wanted, words in (("kept.jpeg", full, ["harbour"]), ("kept.tiff", ["6", "-", "-", "-", "-", "lighthouse"], None)):
    seen, exiv2 = by_exiftool(name), keywords_by_exiv2(name)
    print(name, seen, "keywords by Exiv2:", exiv2)
    if list(seen.values()) != wanted or exiv2 != words:
        sys.exit(f"not as described: wanted {wanted}, {words}")
with Image.open("kept.jpeg") as picture:
    records = picture.info["photoshop"][1028]
with Image.open("kept.tiff") as picture:
    tag = bytes(picture.tag_v2[33723])
print(len(records), "bytes of IPTC records in the JPEG; tag 33723 of the TIFF is", tag)
if b"harbour" not in records or tag != b"Photoshop 3.":
    sys.exit("not as described")
PY
venv/bin/python check.py $exiftool
echo "as described"
