#!/bin/sh
# ExifTool: -Keywords=harbour writes to IPTC, to a field for PDF documents, or nowhere, and reports success
#
# Expected: the plain name Keywords is IPTC:Keywords. Where a format has no IPTC, ExifTool writes the equivalent that its
#   documentation and every photo program use (XMP-dc:Subject), or it fails.
# Seen: JPEG and TIFF get IPTC. PNG gets a non-standard IPTC block with a minor warning. GIF gets XMP-pdf:Keywords, a field for PDF
#   documents, without a warning. WebP and AVIF stay as they are: "0 image files updated", exit code 0. With -q not a word.
#   XMP-dc:Subject of the same file names works in all six.
# Seen with: ExifTool 13.59 and 12.57.
# Why it matters: -Keywords is in most recipes. A folder of mixed formats loses its keywords in some files and hides them in others. A
#   product that imports keywords should read XMP-pdf:Keywords in GIF and IPTC in PNG, and its documentation should say -Subject.
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
