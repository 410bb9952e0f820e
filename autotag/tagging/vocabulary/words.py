"""What a vocabulary is made of: words with synonyms, broader words and a treatment, and the classes below them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from autotag.models.names import fold
from autotag.tagging.vocabulary.plurals import plural


class Treatment(StrEnum):
    """What may become of a word when a model gives it."""

    APPLY = "apply"
    SUGGEST_ONLY = "suggest only"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Synonym:
    """Another name of a word. `language` is a BCP 47 tag such as "de"; None means the vocabulary's own."""

    name: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A tag with meaning.

    `broader` names the words directly above it. `threshold` is the least probability (0 to 1) at which the word
    is applied; None leaves that to the provider's setting.
    """

    name: str
    synonyms: tuple[Synonym, ...] = ()
    broader: tuple[str, ...] = ()
    treatment: Treatment = Treatment.APPLY
    threshold: float | None = None


@dataclass(frozen=True)
class Vocabulary:
    """Words by name, and the word that each class leads to.

    A class is an output of a model or a detector: the number of an ImageNet class as text, or a detection's name.
    The vocabulary is expected to be free of faults (see `linting`): what is looked up here must exist.
    """

    words: Mapping[str, Word]
    classes: Mapping[str, str]

    @cached_property
    def above(self) -> dict[str, frozenset[str]]:
        """For each word all words above it, at any distance, without itself."""
        found: dict[str, frozenset[str]] = {}
        for name in self.words:
            _collect_above(name, self.words, found)
        return found

    @cached_property
    def below(self) -> dict[str, frozenset[str]]:
        """For each word all words below it, at any distance, without itself."""
        found: dict[str, set[str]] = {name: set() for name in self.words}
        for name, broader in self.above.items():
            for word in broader:
                found[word].add(name)
        return {name: frozenset(words) for name, words in found.items()}

    @cached_property
    def class_words(self) -> dict[str, tuple[str, ...]]:
        """For each class its word and all words above that: those whose probability includes the class's."""
        return {key: (word, *sorted(self.above[word])) for key, word in self.classes.items()}

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The words that several classes lead to: their probability is a sum."""
        counts = Counter(word for words in self.class_words.values() for word in words)
        return frozenset(word for word, count in counts.items() if count > 1)

    @cached_property
    def names(self) -> dict[str, str]:
        """Each folded name, synonym and plural, with the name of its word.

        A name or a synonym that somebody wrote comes before a plural that a rule made: "glasses" are spectacles.
        """
        written = {fold(name): word.name for word in self.words.values() for name in written_names(word)}
        plurals = {
            fold(plural(name)): word.name
            for word in self.words.values()
            for name in (word.name, *(synonym.name for synonym in word.synonyms if synonym.language is None))
        }
        return plurals | written

    def find(self, text: str) -> Word | None:
        """Return the word with this name, synonym or plural, in any case; None when there is none."""
        name = self.names.get(fold(" ".join(text.split())))
        return self.words[name] if name else None

    def most_specific(self, names: Iterable[str]) -> list[str]:
        """Return those of `names` that have no other of them below, in the given order."""
        chosen = list(names)
        all_above = {word for name in chosen for word in self.above[name]}
        return [name for name in chosen if name not in all_above]


def written_names(word: Word) -> tuple[str, ...]:
    """Return the name and the synonyms of a word, as they are written in the table."""
    return word.name, *(synonym.name for synonym in word.synonyms)


def _collect_above(name: str, words: Mapping[str, Word], found: dict[str, frozenset[str]]) -> frozenset[str]:
    """Put what is above `name` into `found`, and return it. There must be no circle."""
    if name not in found:
        direct = words[name].broader
        found[name] = frozenset(direct).union(*(_collect_above(word, words, found) for word in direct))
    return found[name]
