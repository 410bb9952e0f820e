#!/bin/sh
# Several readers do not find the keywords and dates of a JPEG that was recompressed to JPEG XL
#
# Expected: Lossless recompression keeps the metadata of a JPEG, and programs that read EXIF and XMP in JPEG XL find
#   them there.
# Seen: libjxl packs the Exif and xml boxes into Brotli-compressed "brob" boxes by default. Exiv2 reads them.
#   ImageMagick opens the picture without either profile, so a conversion to JPEG loses artist and keywords without a
#   warning. ExifReader finds nothing and reports no error. ExifTool warns and finds nothing unless the Perl module
#   IO::Uncompress::Brotli is installed. If ImageMagick wrote the JPEG XL, its boxes are plain, and all four read
#   them.
# Seen with: pylibjxl 0.5.0 (libjxl 0.11.2), pyexiv2 2.16.0 (Exiv2 0.28.8), ExifTool 13.59, ExifReader 4.46.0,
#   ImageMagick 7.1.2-30 (magick-wasm 0.0.43).
# Why it matters: A product that relies on one of these readers imports such files without keywords and dates. It has
#   to unpack brob boxes itself.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pylibjxl==0.5.0 pillow==13.0.0 numpy==2.4.6 pyexiv2==2.16.0
npm install --silent --no-audit --no-fund --prefix js @imagemagick/magick-wasm@0.0.43 exifreader@4.46.0 exiftool-vendored.pl@13.59.3
exiftool="js/node_modules/exiftool-vendored.pl/bin/exiftool"
echo "ExifTool $(perl $exiftool -ver)"

venv/bin/python -c 'from PIL import Image; Image.new("RGB", (64, 32), "teal").save("photo.jpg")'
perl $exiftool -q -overwrite_original -EXIF:Artist="Ann Example" -XMP-dc:Subject=harbour photo.jpg
venv/bin/python - <<'PY'
import pylibjxl, pyexiv2

print("libjxl", pylibjxl.encoder_version(), "pyexiv2", pyexiv2.__version__, "Exiv2", pyexiv2.__exiv2_version__)
with open("photo.jpg", "rb") as source, open("recompressed.jxl", "wb") as target:
    target.write(pylibjxl.jpeg_to_jxl(source.read()))
PY
cat > js/magick.mjs <<'JS'
import fs from 'node:fs';
import { ImageMagick, Magick, MagickFormat, initializeImageMagick } from '@imagemagick/magick-wasm';
await initializeImageMagick(fs.readFileSync('js/node_modules/@imagemagick/magick-wasm/dist/x86/magick.wasm'));
console.log(Magick.imageMagickVersion);
const convert = (from, to, format) =>
  ImageMagick.read(fs.readFileSync(from), (image) => image.write(format, (data) => fs.writeFileSync(to, data)));
convert('photo.jpg', 'magick.jxl', MagickFormat.Jxl);
convert('magick.jxl', 'magick-back.jpg', MagickFormat.Jpeg);
convert('recompressed.jxl', 'recompressed-back.jpg', MagickFormat.Jpeg);
JS
node js/magick.mjs
cat > js/read.mjs <<'JS'
import fs from 'node:fs';
import ExifReader from 'exifreader';
const tags = await ExifReader.load(fs.readFileSync(process.argv[2]), { async: true });
console.log(`${tags.Artist?.description ?? 'nothing'}, ${tags.subject?.description ?? 'nothing'}`);
JS
cat > exiv2.py <<'PY'
import sys
import pyexiv2

with pyexiv2.Image(sys.argv[1]) as picture:
    artist, subject = picture.read_exif().get("Exif.Image.Artist", "nothing"), picture.read_xmp().get("Xmp.dc.subject", ["nothing"])
print(f"{artist}, {', '.join(subject)}")
PY
by_exiftool() {
    found=$(perl $exiftool -S -q -p '$Artist, $XMP-dc:Subject' "$1" 2>> warnings || true)
    echo "${found:-nothing, nothing}"
}
check() {
    echo "$1: $2"
    if [ "$2" != "$3" ]; then echo "not as described: wanted $3"; exit 1; fi
}
all="Ann Example, harbour"
none="nothing, nothing"
echo "brob boxes: $(grep -c brob recompressed.jxl || true) line(s) of recompressed.jxl, $(grep -c brob magick.jxl || true) of magick.jxl"
check "plain boxes, Exiv2" "$(venv/bin/python exiv2.py magick.jxl)" "$all"
check "plain boxes, ExifReader" "$(node js/read.mjs magick.jxl)" "$all"
check "plain boxes, ExifTool" "$(by_exiftool magick.jxl)" "$all"
check "plain boxes, ImageMagick to JPEG" "$(by_exiftool magick-back.jpg)" "$all"
check "recompressed, Exiv2" "$(venv/bin/python exiv2.py recompressed.jxl)" "$all"
check "recompressed, ExifReader" "$(node js/read.mjs recompressed.jxl)" "$none"
check "recompressed, ImageMagick to JPEG" "$(by_exiftool recompressed-back.jpg)" "$none"
if perl -MIO::Uncompress::Brotli -e 1 2> /dev/null; then
    check "recompressed, ExifTool with IO::Uncompress::Brotli" "$(by_exiftool recompressed.jxl)" "$all"
else
    check "recompressed, ExifTool without IO::Uncompress::Brotli" "$(by_exiftool recompressed.jxl)" "$none"
fi
echo "as described"
