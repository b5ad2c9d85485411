"""When two common names read the same to people: nobody could tell their certificates apart."""

import unicodedata
from functools import lru_cache

_REMEMBERED = 16_384  # names

# Letters and digits that are drawn like a Latin letter, in small or in capitals, each by that
# letter. After NFKC, which has dealt with full-width, mathematical and other variants of letters.
_DRAWN_LIKE = {
    # Cyrillic
    "a": "аА",
    "b": "вВьЬ",
    "c": "сС",
    "d": "ԁԀ",
    "e": "еЕёЁҽҼ",
    "g": "ԍԌ",
    "h": "нНһҺ",
    "i": "іІїЇ",
    "j": "јЈ",
    "k": "кКқҚ",
    "l": "ӏӀ",
    "m": "мМ",
    "n": "пП",
    "o": "оО",
    "p": "рР",
    "q": "ԛԚ",
    "r": "гГ",
    "s": "ѕЅ",
    "t": "тТ",
    "v": "ѵѴ",
    "w": "ԝԜшШ",
    "x": "хХ",
    "y": "уУүҮ",
}
_DRAWN_LIKE_GREEK = {
    "a": "αΑ",
    "b": "βΒ",
    "e": "εΕ",
    "h": "Η",
    "i": "ιΙ",
    "k": "κΚ",
    "m": "Μ",
    "n": "ηΝ",
    "o": "οΟσ",
    "p": "ρΡ",
    "t": "τΤ",
    "u": "υμ",
    "v": "ν",
    "w": "ω",
    "x": "χΧ",
    "y": "γΥ",
    "z": "ζΖ",
}
_DRAWN_LIKE_OTHERS = {"a": "ɑ", "g": "ɡ", "i": "ı", "l": "I1|", "o": "0օ", "n": "ո", "u": "ս"}
_LETTERS = str.maketrans(
    {
        drawn: letter
        for table in (_DRAWN_LIKE, _DRAWN_LIKE_GREEK, _DRAWN_LIKE_OTHERS)
        for letter, those in table.items()
        for drawn in those
    }
)
# Drawn as nothing, though Python calls them printable.
_INVISIBLE = dict.fromkeys([0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0])
_INVISIBLE |= dict.fromkeys([*range(0x180B, 0x180E), 0x180F, *range(0xFE00, 0xFE10)])
_INVISIBLE |= dict.fromkeys(range(0xE0100, 0xE01F0))
# Those that are written together in one word; Latin goes with each of them.
_WRITTEN_TOGETHER = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "LATIN"})


@lru_cache(_REMEMBERED)
def readings(name: str) -> frozenset[str]:
    """Two names that have one in common read the same: but for case and white space, or for
    letters that are drawn alike."""
    seen = unicodedata.normalize("NFKC", name.translate(_INVISIBLE)).translate(_INVISIBLE)
    return frozenset(
        " ".join(unicodedata.normalize("NFKC", text.casefold()).split())
        for text in (seen, seen.translate(_LETTERS))
    )


def find_mixed_word(name: str) -> str | None:
    """The first word with letters of several scripts, which no language writes so."""
    for word in unicodedata.normalize("NFKC", name).split():
        scripts = {_script(letter) for letter in word if unicodedata.category(letter) in _LETTER}
        if len(scripts) > 1 and not scripts <= _WRITTEN_TOGETHER:
            return word
    return None


_LETTER = {"Lu", "Ll", "Lt", "Lo"}


def _script(letter: str) -> str:
    """As the name of a letter begins with it."""
    return unicodedata.name(letter, "").partition(" ")[0]
