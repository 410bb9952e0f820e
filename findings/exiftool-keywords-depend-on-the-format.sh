#!/bin/sh
# ExifTool writes -Keywords=harbour to IPTC, to a field for PDF documents, or nowhere, and reports success
#
# Expected: The plain name Keywords means IPTC:Keywords. If a format has no IPTC, ExifTool writes the equivalent field
#   that photo programs read (XMP-dc:Subject), or it fails.
# Seen: JPEG and TIFF get IPTC. PNG gets a non-standard IPTC block, with a minor warning. GIF gets XMP-pdf:Keywords
#   without a warning. WebP and AVIF do not change: ExifTool says "0 image files updated" with exit code 0, and with
#   -q it says nothing. -XMP-dc:Subject=harbour works for all six.
# Seen with: ExifTool 13.59 (also 12.57 for GIF and WebP).
# Why it matters: Many recipes use -Keywords. In a folder of mixed formats, some files get no keywords and others get
#   them where no photo program looks. A product that imports keywords should read XMP-pdf:Keywords in GIF and IPTC in
#   PNG, and its documentation should recommend -XMP-dc:Subject.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0
npm install --silent --no-audit --no-fund --prefix js exiftool-vendored.pl@13.59.3
exiftool="js/node_modules/exiftool-vendored.pl/bin/exiftool"
echo "ExifTool $(perl $exiftool -ver)"
venv/bin/python - <<'PY'
from PIL import Image

for kind in ("jpg", "tif", "png", "gif", "webp", "avif"):
    for name in ("keywords", "subject"):
        Image.new("RGB", (40, 20), "teal").save(f"{name}.{kind}")
PY
for kind in jpg tif png gif webp avif; do
    code=0
    said=$(perl $exiftool -q -overwrite_original -Keywords=harbour keywords.$kind 2>&1) || code=$?
    perl $exiftool -q -overwrite_original -XMP-dc:Subject=harbour subject.$kind
    seen="$(perl $exiftool -G1 -S -a -Keywords -Subject keywords.$kind)"
    other="$(perl $exiftool -G1 -S -a -Keywords -Subject subject.$kind)"
    case $kind in
    gif) wanted="[XMP-pdf] Keywords: harbour" ;;
    webp | avif) wanted="" ;;
    *) wanted="[IPTC] Keywords: harbour" ;;
    esac
    echo "$kind: -Keywords gives '$seen', exit code $code, said '$said'; -XMP-dc:Subject gives '$other'"
    if [ "$seen" != "$wanted" ] || [ "$code" != 0 ] || [ "$other" != "[XMP-dc] Subject: harbour" ]; then
        echo "not as described: wanted '$wanted'"
        exit 1
    fi
    if [ "$kind" != png ] && [ -n "$said" ]; then echo "not as described: no word was expected"; exit 1; fi
done
echo "as described"
