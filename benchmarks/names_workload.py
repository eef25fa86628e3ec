"""What names are measured on: labelled ones, and a seeded million.

The million is the names of real companies and made ones. Made names have the common words of the
real ones, each as often as there, and rare words of their own, with places, trades, legal forms and
numbers; some are near neighbours of another, real or made: another company still, since a word or a
number sets it apart. How many, and how seldom a rare word is a real one, are set so that TF-IDF of
three letters finds among them what the README of the data says that it finds among a million.
"""

from __future__ import annotations

import csv
import itertools
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

DATA = Path(__file__).parents[2] / "shared" / "data"

Row = dict[str, str]


def _listed(text: str) -> list[str]:
    return [" ".join(one.split()) for one in text.split(";")]


PLACES = _listed("""Shanghai; Shenzhen; Beijing; Guangdong; Jiangsu; Zhejiang; Tianjin; Chongqing;
    Wuhan; Chengdu; Hong Kong; Taiwan; Taipei; Japan; Tokyo; Osaka; Korea; Seoul; Singapore; India;
    Mumbai; Dubai; Iran; Tehran; Iraq; Syria; Turkey; Istanbul; Russia; Moscow; Ural; Siberia;
    Ukraine; Kyiv; Poland; Berlin; France; Paris; Italia; España; UK; London; Nordic; Europe; USA;
    Texas; Canada; Mexico; Panama; Brasil; Africa; Kenya; Cairo; Pacific; Atlantic; Asia; Gulf""")
TRADES = _listed("""Trading; Shipping; Electronics; Semiconductor; Technology; Technologies;
    Engineering; Chemical; Pharma; Therapeutics; Energy; Petroleum; Oil and Gas; Mining; Steel;
    Machinery; Aviation; Logistics; Transport; Construction; Textile; Foods; Bank; Finance;
    Capital; Insurance; Investment; Media; Software; Marine; Motors; Holdings; Group""")
FORMS = _listed("""Inc.; Corp.; Corporation; Company; Co., Ltd.; Ltd; Limited; LLC; PLC; S.A.;
    S.A. de C.V.; GmbH; AG; B.V.; OOO; JSC; OAO; S.r.l.; Pte. Ltd.; FZE; Sdn Bhd; K.K.; A/S; AB""")
BODIES = _listed("Factory; Plant; Fund; Institute; Design Bureau; Acquisition Corp; Trust; Unit")
ROMAN = ["II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"]
SYLLABLES = _listed("""ba; bi; bo; da; de; do; fa; ga; go; ha; hi; ka; ke; ko; la; li; lo; ma; me;
    na; ne; ni; pa; ra; ri; ro; sa; shi; ta; ti; va; vi; xi; ya; yu; zhe; chen; tek; gen; nex""")
FORM = re.compile(
    r"(?i)^(inc|corp|corporation|company|co|ltd|limited|l?lc|plc|gmbh|ag|sarl|ooo|p?jsc)\W*$"
    r"|^(s\.?a\.?|the|and|of|&)$"
)
WORD = re.compile(r"(?i)^[a-z][a-z'-]+[a-z]$")
NUMBER = re.compile(r"\d+|[ivx]+")
CHUNK = 10_000
NEIGHBOURS = 0.02
REAL = 0.05
"""How often a rare word is a real one."""
COMMON = 5
"""A word of so many names is a common one."""
EASTERN = 0.1
"""Shares of the made names: near neighbours of others; those in Chinese or Japanese script."""


def names(real: Sequence[str], avoid: Sequence[str], count: int) -> list[str]:
    """Return `count` distinct names: the real ones first, then made ones, none in `avoid`.

    Distinct whatever the case; a real name that stands twice stays twice.
    """
    taken = {name.casefold() for name in (*real, *avoid)}
    found = list(real)
    for name in _made(real, random.Random(4)):
        if len(found) >= count:
            break
        if (key := name.casefold()) not in taken:
            taken.add(key)
            found.append(name)
    return found


def _made(real: Sequence[str], chance: random.Random) -> Iterator[str]:
    """Yield made names without end, some more than once."""
    pool = [name for name in real if len(name.split()) > 1]
    eastern = [name for name in real if not name.isascii() and " " not in name]
    counts = Counter(
        word.capitalize() for name in real for word in re.split(r"[\s,]+", name) if WORD.match(word)
    )
    words = [word for word, n in counts.most_common() if n >= COMMON and not FORM.match(word)]
    rare = [word for word, n in counts.items() if n < COMMON and not FORM.match(word)]
    weights = list(itertools.accumulate(counts[word] for word in words))
    while True:
        drawn = iter(chance.choices(words, cum_weights=weights, k=4 * CHUNK))
        fresh = []
        for _ in range(CHUNK):
            lot = chance.random()
            if lot < NEIGHBOURS:
                name = _neighbour(chance.choice(pool), next(drawn), chance)
            elif lot < NEIGHBOURS + EASTERN and eastern:
                name = _crossed(chance.choice(eastern), chance.choice(eastern), chance)
            else:
                few = [next(drawn) for _ in range(chance.randint(0, 2))]
                own = [_rare(rare, chance) for _ in range(chance.randint(1, 2))]
                name = _composed(own + few, chance)
            fresh.append(name)
        yield from fresh
        pool += chance.sample(fresh, CHUNK // 20)


def _composed(words: list[str], chance: random.Random) -> str:
    """Return a name of these words, with a place, a trade, a number and a form as it comes."""
    parts = [words]
    if chance.random() < 0.3:
        parts.insert(chance.randint(0, 1), [chance.choice(PLACES)])
    if chance.random() < 0.5:
        parts.append([chance.choice(TRADES)])
    if chance.random() < 0.1:
        parts.append(_numbered(chance))
    if chance.random() < 0.8:
        parts.append([chance.choice(FORMS)])
    name = " ".join(word for part in parts for word in part)
    return name.upper() if chance.random() < 0.4 else name


def _rare(real: Sequence[str], chance: random.Random) -> str:
    """Return a word that few names have: made, or now and then a real one."""
    if chance.random() < REAL:
        return chance.choice(real)
    return "".join(chance.choices(SYLLABLES, k=chance.randint(2, 4))).capitalize()


def _numbered(chance: random.Random) -> list[str]:
    number = ["No.", str(chance.randint(1, 300))]
    return [chance.choice(BODIES), *chance.choice((number, [chance.choice(ROMAN)]))]


def _neighbour(name: str, word: str, chance: random.Random) -> str:
    """Return the name of a sister: another word, one word more, another place or number."""
    words = name.split()
    end = len(words) - 1 if FORM.match(words[-1]) and len(words) > 1 else len(words)
    place = chance.randrange(end)
    lot = chance.random()
    if lot < 0.4:
        words[place] = word
    elif lot < 0.6:
        words.insert(place, word)
    elif lot < 0.75:
        words.insert(chance.choice((0, end)), chance.choice(PLACES))
    elif lot < 0.85:
        words.insert(end, chance.choice(TRADES))
    elif re.search(r"\d", name):
        return re.sub(r"\d+", lambda _: str(chance.randint(1, 300)), name, count=1)
    else:
        words.insert(end, chance.choice(ROMAN))
    found = " ".join(words)
    return found.upper() if name.isupper() else found


def _crossed(one: str, other: str, chance: random.Random) -> str:
    """Return the beginning of one name and the end of another, as they are written."""
    return one[: chance.randint(1, len(one))] + other[chance.randint(0, len(other) - 1) :]


def labelled(file: str) -> list[Row]:
    """Return the rows of a labelled file, named below `DATA`."""
    with (DATA / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def consistent(
    listed: list[Row], queries: list[Row]
) -> tuple[list[Row], list[Row], dict[str, int]]:
    """Return the watchlist and its queries without what the labels contradict, and how many do.

    Companies leave the list that bear a stranger's very name, or that `dev.csv` gives it to: then
    it is a stranger. Queries go whose company leaves, whose very name is another's, or whose
    company is listed under a name that none of the pairs labelled as the same gives it.
    """
    bearers, known, given = (defaultdict[str, set[str]](set) for _ in range(3))
    for row in listed:
        bearers[row["name"].casefold()].add(row["id"])
    for row in labelled("matching/dev.csv"):
        for side in "ab":
            known[row[f"name_{side}"].casefold()].add(row[f"id_{side}"])
            if row["same"] == "1":
                given[row[f"id_{side}"]].add(row[f"name_{side}"].casefold())
    asked = [(row["query"].casefold(), row["expected_id"], row) for row in queries]
    nobody = [name for name, company, _ in asked if not company]
    gone = set().union(*(bearers[name] | known[name] for name in nobody))
    names = {row["id"]: row["name"].casefold() for row in listed}
    wrong = {company for _, company, _ in asked if company and names[company] not in given[company]}
    found = {
        "strangers whose very name is on the list": sum(bool(bearers[name]) for name in nobody),
        "queries whose very name is another's": sum(
            bool(company and bearers[name] - {company}) for name, company, _ in asked
        ),
        "queries whose company is listed under a name of no pair": sum(
            company in wrong for _, company, _ in asked
        ),
    }
    kept = [
        row
        for name, company, row in asked
        if company not in gone | wrong and not bearers[name] - gone - {company}
    ]
    return [row for row in listed if row["id"] not in gone], kept, found


def numbered_fund(row: Row) -> bool:
    """Whether the two are funds that differ by nothing but a number: Fund I and Fund II."""
    one, other = (re.findall(r"\w+", row[side].casefold()) for side in ("name1", "name2"))
    bare, others = ([w for w in words if not NUMBER.fullmatch(w)] for words in (one, other))
    return one != other and bare == others and "fund" in bare
