#!/bin/sh
# Pillow writes the colour profile of the source into a picture of another colour model
#
# Expected: convert("RGB") of a CMYK photograph and convert("L") of a colour photograph drop the profile, or save()
#   leaves out a profile that cannot belong to the picture. save() treats the profile alike in all formats.
# Seen: convert() keeps the profile in info, and save() writes it to PNG, TIFF and AVIF without being asked. An RGB
#   PNG gets a CMYK profile (over 400,000 bytes for 800 pixels), and a grey PNG gets an RGB profile, which the PNG
#   specification forbids. Pillow's own ImageCms cannot use either. JPEG and WebP get no profile unless one is passed,
#   so the same code writes a profile or none depending on the file name.
# Seen with: Pillow 13.0.0. sharp 0.35.5 made the sources, ExifTool 13.59 read the results.
# Why it matters: Thumbnails of CMYK pictures become large and have a wrong profile. A Display P3 photograph that is
#   saved as JPEG or WebP changes its colours. Convert to sRGB by the profile and drop it, or always pass icc_profile.
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
cat > js/make.mjs <<'JS'
import sharp from 'sharp';
console.log('sharp', sharp.versions.sharp, 'libvips', sharp.versions.vips);
const patch = () => sharp({ create: { width: 40, height: 20, channels: 3, background: { r: 200, g: 100, b: 50 } } });
await patch().toColourspace('cmyk').withIccProfile('cmyk').jpeg().toFile('cmyk.jpg');
await patch().withIccProfile('p3').jpeg().toFile('p3.jpg');
JS
node js/make.mjs
cat > check.py <<'PY'
import io, os, subprocess, sys
import PIL
from PIL import Image, ImageCms

print("Pillow", PIL.__version__)


def exiftool(name):
    command = ["perl", sys.argv[1], "-s3", "-f", "-ICC_Profile:ColorSpaceData", name]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def usable(name):
    with Image.open(name) as picture:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
        try:
            ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except ImageCms.PyCMSError as error:
            return str(error)
    return "yes"


for source, mode, space in (("cmyk.jpg", "RGB", "CMYK"), ("p3.jpg", "L", "RGB"), ("p3.jpg", "RGB", "RGB")):
    with Image.open(source) as picture:
        converted = picture.convert(mode)
    for kind in ("png", "tif", "avif", "jpg", "webp"):
        if mode == "L" and kind in ("avif", "webp"):
            continue
        name = f"{source[:-4]}-{mode}.{kind}"
        converted.save(name)
        seen = exiftool(name)
        wanted = space if kind in ("png", "tif", "avif") else "-"
        print(f"{source} as {mode} in {kind}: profile for {seen}, {os.path.getsize(name)} bytes")
        if seen != wanted:
            sys.exit(f"not as described: wanted {wanted}")
results = {name: usable(name) for name in ("cmyk-RGB.png", "p3-L.png", "p3-RGB.png")}
print("ImageCms can use the profile:", results)
if list(results.values()) != ["cannot build transform", "cannot build transform", "yes"] or os.path.getsize("cmyk-RGB.png") < 300_000:
    sys.exit("not as described")
PY
venv/bin/python check.py $exiftool
echo "as described"
