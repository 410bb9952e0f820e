#!/bin/sh
# sharp writes the XMP of a PNG where three common readers do not look
#
# Expected: Programs that read XMP in PNG find the XMP that sharp kept. The XMP specification (part 3) puts it into an
#   uncompressed iTXt chunk with the keyword XML:com.adobe.xmp.
# Seen: sharp writes a compressed zTXt chunk with that keyword. ExifTool and Exiv2 read it. Pillow's getxmp() is
#   empty, and exifr and ExifReader find no keyword, all without an error. All five read the same packet in an iTXt
#   chunk.
# Seen with: sharp 0.35.5 (libvips 8.18.7), Pillow 13.0.0, exifr 7.1.3, ExifReader 4.46.0, pyexiv2 2.16.0 (Exiv2
#   0.28.8), ExifTool 13.59.
# Why it matters: If a site resizes uploads with sharp and keeps their metadata, the next program does not see the
#   keywords of PNG files. A product that imports keywords has to read zTXt, and it has to replace that chunk when it
#   writes its own packet.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pillow==13.0.0 defusedxml==0.7.1 pyexiv2==2.16.0
npm install --silent --no-audit --no-fund --prefix js sharp@0.35.5 exifr@7.1.3 exifreader@4.46.0 exiftool-vendored.pl@13.59.3
exiftool="js/node_modules/exiftool-vendored.pl/bin/exiftool"
echo "ExifTool $(perl $exiftool -ver)"

venv/bin/python -c 'from PIL import Image; Image.new("RGB", (40, 20), "teal").save("source.png")'
perl $exiftool -q -o itxt.png -XMP-dc:Subject=harbour source.png
cat > js/make.mjs <<'JS'
import sharp from 'sharp';
console.log('sharp', sharp.versions.sharp, 'libvips', sharp.versions.vips);
await sharp('itxt.png').keepXmp().png().toFile('sharp.png');
JS
cat > js/read.mjs <<'JS'
import exifr from 'exifr';
import ExifReader from 'exifreader';
import fs from 'node:fs';
const file = process.argv[2];
const found = await exifr.parse(file, { xmp: true, mergeOutput: false });
const tags = await ExifReader.load(fs.readFileSync(file), { async: true });
console.log(`exifr=${found?.dc?.subject ?? 'nothing'} ExifReader=${tags.subject?.description ?? 'nothing'}`);
JS
cat > read.py <<'PY'
import struct, sys
import PIL, pyexiv2
from PIL import Image

name = sys.argv[1]
content, position, chunks = open(name, "rb").read(), 8, []
while position < len(content):
    length, kind = struct.unpack(">I4s", content[position : position + 8])
    if b"XML:com.adobe.xmp" in content[position + 8 : position + 8 + length]:
        chunks.append(kind.decode())
    position += 12 + length
with Image.open(name) as picture:
    picture.load()
    packet = picture.getxmp()
with pyexiv2.Image(name) as picture:
    subjects = picture.read_xmp().get("Xmp.dc.subject", ["nothing"])
found = "harbour" if "harbour" in str(packet) else "nothing"
print(f"chunk={','.join(chunks)} Pillow={found} Exiv2={','.join(subjects)}")
PY
node js/make.mjs
venv/bin/python -c 'import PIL, pyexiv2; print("Pillow", PIL.__version__, "pyexiv2", pyexiv2.__version__, "Exiv2", pyexiv2.__exiv2_version__)'

look() { echo "$(venv/bin/python read.py "$1") $(node js/read.mjs "$1") ExifTool=$(perl $exiftool -s3 -XMP:Subject "$1")"; }
check() {
    echo "$1: $2"
    if [ "$2" != "$3" ]; then echo "not as described: wanted $3"; exit 1; fi
}
check "written by ExifTool" "$(look itxt.png)" "chunk=iTXt Pillow=harbour Exiv2=harbour exifr=harbour ExifReader=harbour ExifTool=harbour"
check "written by sharp" "$(look sharp.png)" "chunk=zTXt Pillow=nothing Exiv2=harbour exifr=nothing ExifReader=nothing ExifTool=harbour"
echo "as described"
