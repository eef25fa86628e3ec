"""Scripts: which a text is in, and how it reads in Latin letters.

A reading finds candidates for a person to look at; it never decides. With the extra `cjk` Japanese
is read by a dictionary (janome) and simplified Chinese as traditional (opencc); without it each
character is read as in Chinese.
"""

from __future__ import annotations

import re
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
NATIVE = frozenset({"han", "kana", "hangul"})
"""Scripts without spaces between words."""
LOOKALIKE = frozenset({"latin", "cyrillic", "greek"})
JAPANESE_FORMS = re.compile("株式会社|有限会社|合同会社|合資会社|㈱|\\(株\\)")
FORMS = re.compile(
    "股份有限公司|有限责任公司|有限責任公司|股份公司|有限公司|集团公司|集團公司|公司|주식회사|㈜"
)
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
LOAN = re.compile("|".join(sorted(LOANS, key=len, reverse=True)))
UNHEARD = dict.fromkeys(map(ord, "ッっー"))
LONG_VOWELS = (("ou", "o"), ("oo", "o"), ("uu", "u"), ("nn", "n"))


def script_of(letter: str) -> str:
    """Return the script of a letter; `other` where this table has none."""
    for name, first, last in SCRIPTS:
        if first <= letter <= last:
            return name
    return "other"


def scripts(text: str) -> tuple[frozenset[str], bool]:
    """Return the scripts of a text, and whether one word mixes some that look alike."""
    if text.isascii():
        return frozenset({"latin"} if any(map(str.isalpha, text)) else ()), False
    found: set[str] = set()
    mixed = False
    for word in text.split():
        here = {script_of(letter) for letter in word if letter.isalpha()}
        mixed = mixed or len(here & LOOKALIKE) > 1
        found |= here
    return frozenset(found), mixed


def native(text: str) -> str:
    """Return the letters and digits of a text, legal forms apart; one form of Chinese."""
    kept = "".join(c for c in _bare(text).casefold() if c.isalnum())
    convert = _traditional()
    return convert(kept) if convert else kept


def _bare(text: str) -> str:
    return FORMS.sub(" ", JAPANESE_FORMS.sub(" ", text))


def latin(text: str, found: frozenset[str]) -> str:
    """Return a text in lower-case Latin letters."""
    if text.isascii():
        return text.lower()
    if found & NATIVE:
        text = _read(text, found)
    return anyascii(text).lower()


def _read(text: str, found: frozenset[str]) -> str:
    japanese = "kana" in found or JAPANESE_FORMS.search(text)
    text = LOAN.sub(lambda match: f" {LOANS[match[0]]} ", _bare(text))
    read = _japanese() if japanese and "han" in found else None
    if read:
        text = read(text)
    return KANA.sub(lambda match: _romaji(match[0]), text) if japanese else text


KANA = re.compile("[\u3040-\u30ff\u3400-\u9fff]+")


def _romaji(text: str) -> str:
    text = anyascii(text.translate(UNHEARD)).lower()
    for long, short in LONG_VOWELS:
        text = text.replace(long, short)
    return text


@lru_cache(maxsize=1)
def _japanese() -> Callable[[str], str] | None:
    """Return what reads Japanese; None without the extra `cjk`."""
    try:
        from janome.tokenizer import Tokenizer  # noqa: PLC0415 (heavy, and an extra)
    except ImportError:
        return None
    tokenizer = Tokenizer()

    def read(text: str) -> str:
        found = [(word.surface, word.reading) for word in tokenizer.tokenize(text)]
        return "".join(surface if reading == "*" else reading for surface, reading in found)

    return read


@lru_cache(maxsize=1)
def _traditional() -> Callable[[str], str] | None:
    """Return what writes simplified Chinese as traditional; None without the extra `cjk`."""
    try:
        from opencc import OpenCC  # noqa: PLC0415 (an extra)
    except ImportError:
        return None
    convert: Callable[[str], str] = OpenCC("s2t").convert
    return convert
