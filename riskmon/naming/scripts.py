"""Scripts: which a text is in, how it reads in Latin letters, and how those sound.

A reading finds candidates for a person to look at; it never decides. With the extra `cjk` Japanese
is read by a dictionary (janome) and traditional Chinese as simplified (opencc); without it each
character is read as in Chinese (anyascii).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

from anyascii import anyascii

SCRIPTS = (
    ("latin", "\u0041", "\u024f"),
    ("greek", "\u0370", "\u03ff"),
    ("cyrillic", "\u0400", "\u052f"),
    ("hebrew", "\u0590", "\u05ff"),
    ("arabic", "\u0600", "\u06ff"),
    ("thai", "\u0e00", "\u0e7f"),
    ("hangul", "\u1100", "\u11ff"),
    ("latin", "\u1e00", "\u1eff"),
    ("kana", "\u3040", "\u30ff"),
    ("han", "\u3400", "\u9fff"),
    ("hangul", "\uac00", "\ud7a3"),
    ("han", "\uf900", "\ufaff"),
)
"""Name, first and last letter of each script, after the blocks of Unicode."""
NATIVE = frozenset({"han", "kana", "hangul"})
"""Scripts without spaces between words."""
LOOKALIKE = frozenset({"latin", "cyrillic", "greek"})
JAPANESE_FORMS = re.compile("株式会社|有限会社|合同会社|合資会社|\\(株\\)")
OTHER_FORMS = re.compile(
    "股份有限公司|有限责任公司|有限責任公司|股份公司|有限公司|集团公司|集團公司|公司|주식회사|\\(주\\)"
)
"""Legal forms in Chinese and Korean; those in Latin letters are in `legal.py`."""
LOANS = {
    "ホールディングス": "holdings", "ホールディング": "holding", "グループ": "group",
    "システムズ": "systems", "システム": "system", "テクノロジーズ": "technologies",
    "テクノロジー": "technology", "サービス": "service", "コーポレーション": "corporation",
    "インターナショナル": "international", "エンジニアリング": "engineering",
    "ソリューションズ": "solutions", "ソリューション": "solution", "ネットワーク": "network",
    "フィナンシャル": "financial", "ファイナンス": "finance", "パートナーズ": "partners",
    "エンターテインメント": "entertainment", "コミュニケーションズ": "communications",
    "アーキテクツ": "architects", "マネジメント": "management", "ロジスティクス": "logistics",
    "メディア": "media", "デザイン": "design", "フーズ": "foods", "ケミカル": "chemical",
    "リース": "lease", "カード": "card", "バイオ": "bio", "ヘルスケア": "healthcare",
    "ジャパン": "japan", "アセット": "asset", "キャピタル": "capital", "エナジー": "energy",
    "モーター": "motor", "ホテル": "hotel", "ゲーム": "game", "デジタル": "digital",
    "グローバル": "global", "ライフ": "life", "ホーム": "home", "オート": "auto",
    "マテリアル": "material", "コンサルティング": "consulting", "リサーチ": "research",
    "クラウド": "cloud", "データ": "data", "ソフトウェア": "software", "ソフト": "soft",
    "エステート": "estate", "ファンド": "fund", "バンク": "bank", "テック": "tech",
    "アドバイザーズ": "advisors", "トレーディング": "trading", "プロパティ": "property",
    "ストアーズ": "stores", "ストア": "store", "ドラッグ": "drug", "スポーツ": "sports",
}  # fmt: skip
"""English words in kana, as they are written in Latin letters."""
LOAN = re.compile("|".join(sorted(LOANS, key=len, reverse=True)))
KANA_OR_HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff]+")
UNHEARD = dict.fromkeys(map(ord, "ッっー"))
GLIDES = {"ャ": "a", "ュ": "u", "ョ": "o", "ゃ": "a", "ゅ": "u", "ょ": "o"}
CONTRACTED = re.compile("([キギシジチニヒビピミリきぎしじちにひびぴみり])([ャュョゃゅょ])")
LONG_SOUNDS = (("ou", "o"), ("oo", "o"), ("uu", "u"), ("nn", "n"))
SOUNDS = (
    ("sch", "s"), ("tch", "c"), ("kh", "h"), ("ch", "c"), ("sh", "s"), ("zh", "z"), ("gh", "g"),
    ("ph", "f"), ("th", "t"), ("dh", "d"), ("ck", "k"), ("ts", "s"), ("tz", "s"), ("cz", "s"),
    ("q", "k"), ("x", "ks"), ("w", "v"), ("ou", "u"), ("oo", "u"), ("ee", "i"), ("iy", "i"),
    ("yi", "i"), ("yy", "i"), ("ey", "e"), ("ei", "e"), ("ye", "e"), ("ie", "e"), ("ya", "a"),
    ("ia", "a"), ("yo", "o"), ("yu", "u"), ("iu", "u"), ("y", "i"), ("j", "i"), ("ce", "se"),
    ("ci", "si"), ("c", "k"), ("z", "s"), ("ks", "s"), ("dg", "g"), ("o", "a"), ("e", "i"),
)  # fmt: skip
"""What is written for what, one after the other: what transliterations differ in is dropped."""
TWICE = re.compile(r"(.)\1+")


def scripts_of(text: str) -> tuple[frozenset[str], bool]:
    """Return the scripts of a text, and whether one word mixes some that look alike."""
    if text.isascii():
        return frozenset({"latin"} if any(map(str.isalpha, text)) else ()), False
    found: set[str] = set()
    mixed = False
    for word in text.split():
        here = {_script(letter) for letter in word if letter.isalpha()}
        mixed = mixed or len(here & LOOKALIKE) > 1
        found |= here
    return frozenset(found), mixed


def _script(letter: str) -> str:
    """Return the script of a letter; `other` where the table has none."""
    for name, first, last in SCRIPTS:
        if first <= letter <= last:
            return name
    return "other"


def native(text: str) -> str:
    """Return the letters and digits of a text, legal forms apart; one form of Chinese."""
    kept = "".join(c for c in bare(text).casefold() if c.isalnum())
    convert = _simplified()
    return convert(kept) if convert else kept


def native_forms(text: str) -> frozenset[str]:
    """Return the classes of the legal forms that a name has in scripts without spaces."""
    found = (JAPANESE_FORMS, OTHER_FORMS)
    text = unicodedata.normalize("NFKC", text)
    return frozenset(
        CLASSES[form] for one in found for form in one.findall(text) if form in CLASSES
    )


CLASSES = {
    "株式会社": "stock", "(株)": "stock", "股份有限公司": "stock", "股份公司": "stock",
    "주식회사": "stock", "(주)": "stock", "有限会社": "limited", "合同会社": "limited",
    "有限责任公司": "limited", "有限責任公司": "limited", "有限公司": "limited",
    "合資会社": "partnership",
}  # fmt: skip


def bare(text: str) -> str:
    """Return a text without the legal forms of scripts without spaces."""
    return OTHER_FORMS.sub(" ", JAPANESE_FORMS.sub(" ", text))


def latin(text: str, scripts: frozenset[str]) -> str:
    """Return a text, of which `scripts` are known, in lower-case Latin letters."""
    if text.isascii():
        return text.lower()
    if scripts & NATIVE:
        text = _read(text, scripts)
    return anyascii(text).lower()


def _read(text: str, scripts: frozenset[str]) -> str:
    """Return a text with loans in English, and what is Japanese as it is pronounced."""
    japanese = "kana" in scripts or JAPANESE_FORMS.search(text)
    text = LOAN.sub(lambda match: f" {LOANS[match[0]]} ", bare(text))
    read = _japanese() if japanese and "han" in scripts else None
    if read:
        text = read(text)
    return KANA_OR_HAN.sub(lambda match: _romaji(match[0]), text) if japanese else text


def _contracted(match: re.Match[str]) -> str:
    """Return a syllable such as キョ in Latin letters: kyo, and sho without its y."""
    begins = anyascii(match[1]).lower()[:-1]
    vowel = GLIDES[match[2]]
    return begins + vowel if begins in {"sh", "ch", "j"} else f"{begins}y{vowel}"


def _romaji(text: str) -> str:
    text = CONTRACTED.sub(_contracted, text.translate(UNHEARD))
    text = anyascii(text).lower()
    for long, short in LONG_SOUNDS:
        text = text.replace(long, short)
    return text


@lru_cache(maxsize=1)
def _japanese() -> Callable[[str], str] | None:
    """Return what writes Japanese in kana, as it is read; None without the extra `cjk`."""
    try:
        from janome.tokenizer import Token, Tokenizer  # noqa: PLC0415 (heavy, and an extra)
    except ImportError:
        return None
    tokenizer = Tokenizer()

    def read(text: str) -> str:
        found = [word for word in tokenizer.tokenize(text) if isinstance(word, Token)]
        return "".join(word.surface if word.reading == "*" else word.reading for word in found)

    return read


@lru_cache(maxsize=1)
def _simplified() -> Callable[[str], str] | None:
    """Return what writes traditional Chinese as simplified; None without the extra `cjk`."""
    try:
        from opencc import OpenCC  # noqa: PLC0415 (an extra)
    except ImportError:
        return None
    convert: Callable[[str], str] = OpenCC("t2s").convert
    return convert


@lru_cache(maxsize=100_000)
def sound(word: str) -> str:
    """Return a word in a-z as it would be written if everybody transliterated alike."""
    for written, heard in SOUNDS:
        if written in word:
            word = word.replace(written, heard)
    return TWICE.sub(r"\1", word)
