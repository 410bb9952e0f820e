#!/bin/sh
# exifr turns keywords into numbers, booleans and holes, and a single keyword is not in a list
#
# Expected: dc:subject is a list of texts. A reader returns each text as it was written: "007", "5.10", "1e3", "true",
#   "null".
# Seen: exifr returns 7, 5.1, 1000, true and undefined. The text that was written cannot be recovered. If there is one
#   keyword, the result is a bare value instead of a list. IPTC keywords of the same file stay texts. The README says
#   nothing about types of XMP values. ExifReader returns all five texts as written.
# Seen with: exifr 7.1.3, ExifReader 4.46.0. ExifTool 13.59 wrote the file.
# Why it matters: Years, film rolls, race numbers and version numbers are common keywords. A gallery that reads files
#   with exifr shows other tags than the product stored, and code that calls a string method on a tag fails on a
#   number.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --prefix js exifr@7.1.3 exifreader@4.46.0 sharp@0.35.5 exiftool-vendored.pl@13.59.3
exiftool="js/node_modules/exiftool-vendored.pl/bin/exiftool"
echo "ExifTool $(perl $exiftool -ver)"
cat > js/make.mjs <<'JS'
import sharp from 'sharp';
const plain = sharp({ create: { width: 40, height: 20, channels: 3, background: 'teal' } }).jpeg();
await plain.toFile('five.jpg');
await plain.toFile('one.jpg');
JS
node js/make.mjs
words="007 5.10 1e3 true null"
for word in $words; do set -- "$@" "-XMP-dc:Subject=$word" "-IPTC:Keywords=$word"; done
perl $exiftool -q -overwrite_original "$@" five.jpg
perl $exiftool -q -overwrite_original -XMP-dc:Subject=2019 one.jpg
cat > js/check.mjs <<'JS'
import assert from 'node:assert/strict';
import fs from 'node:fs';
import exifr from 'exifr';
import ExifReader from 'exifreader';

const version = (name) => JSON.parse(fs.readFileSync(`js/node_modules/${name}/package.json`)).version;
console.log('exifr', version('exifr'), 'ExifReader', version('exifreader'));
const five = await exifr.parse('five.jpg', { xmp: true, iptc: true, mergeOutput: false });
const one = await exifr.parse('one.jpg', { xmp: true, mergeOutput: false });
const other = ExifReader.load(fs.readFileSync('five.jpg')).subject.value.map((item) => item.value);
console.log('exifr, XMP:', five.dc.subject);
console.log('exifr, IPTC:', five.iptc.Keywords);
console.log('exifr, one keyword:', one.dc.subject);
console.log('ExifReader, XMP:', other);
const written = ['007', '5.10', '1e3', 'true', 'null'];
assert.deepEqual(five.dc.subject, [7, 5.1, 1000, true, undefined]);
assert.deepEqual(five.iptc.Keywords, written);
assert.equal(one.dc.subject, 2019);
assert.deepEqual(other, written);
JS
node js/check.mjs || { echo "not as described"; exit 1; }
echo "as described"
