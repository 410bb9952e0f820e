#!/bin/sh
# ExifTool garbles IPTC keywords that pyexiv2 wrote, although each library reads its own keywords correctly
#
# Expected: Both programs take text as UTF-8, and each reads the XMP that the other one wrote. So they also agree on
#   IPTC keywords.
# Seen: Exiv2 writes the keywords as UTF-8 but without CodedCharacterSet (1:90), which would say so. ExifTool then
#   reads cp1252: "Škoda" becomes "Å koda". Exiv2 reads its own file correctly, so a test with one library shows
#   nothing. If the program also sets CodedCharacterSet, both agree.
# Seen with: pyexiv2 2.16.0 (Exiv2 0.28.8), ExifTool 13.59.
# Why it matters: A product that decodes as ExifTool does turns the keywords of such files into garbage tags. It
#   should try strict UTF-8 first and use cp1252 only if that fails, and it should always write 1:90.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pyexiv2==2.16.0 pillow==13.0.0
npm install --silent --no-audit --no-fund --prefix js exiftool-vendored.pl@13.59.3
exiftool="js/node_modules/exiftool-vendored.pl/bin/exiftool"
echo "ExifTool $(perl $exiftool -ver)"
cat > check.py <<'PY'
import subprocess, sys
import pyexiv2
from PIL import Image

print("pyexiv2", pyexiv2.__version__, "Exiv2", pyexiv2.__exiv2_version__)
KEYWORDS = ["Škoda", "cœur", "Zürich"]
for name in ("plain.jpg", "declared.jpg", "exiftool.jpg"):
    Image.new("RGB", (40, 20), "teal").save(name)


def exiftool(*arguments):
    return subprocess.run(["perl", sys.argv[1], *arguments], capture_output=True, text=True, check=True, encoding="utf-8").stdout


def by_exiv2(name):
    with pyexiv2.Image(name) as picture:
        return picture.read_iptc()["Iptc.Application2.Keywords"]


def by_exiftool(name):
    return exiftool("-s3", "-sep", "##", "-IPTC:Keywords", name).strip("\r\n").split("##")


with pyexiv2.Image("plain.jpg") as picture:
    picture.modify_iptc({"Iptc.Application2.Keywords": KEYWORDS})
with pyexiv2.Image("declared.jpg") as picture:
    picture.modify_iptc({"Iptc.Envelope.CharacterSet": "\x1b%G", "Iptc.Application2.Keywords": KEYWORDS})
exiftool("-q", "-overwrite_original", "-codedcharacterset=utf8", *[f"-IPTC:Keywords={word}" for word in KEYWORDS], "exiftool.jpg")

garbled = [word.encode().decode("cp1252", "replace") for word in KEYWORDS]
for name, wanted in (("plain.jpg", garbled), ("declared.jpg", KEYWORDS), ("exiftool.jpg", KEYWORDS)):
    seen = by_exiftool(name)
    print(f"{name}: ExifTool reads {seen}, pyexiv2 reads {by_exiv2(name)}")
    if seen != wanted or by_exiv2(name) != KEYWORDS:
        sys.exit(f"not as described: wanted {wanted}")
PY
venv/bin/python check.py $exiftool
echo "as described"
