"""Which sentences state a result, and so have to be held by a claim or excepted with a reason.

A rule of thumb, made of lists of words, which rather asks too often: an exception costs a line, a false sentence more.
"""

from __future__ import annotations

import re

from rlkit_workbook.claiming.sentences import Sentence


def _any_of(words: str, flags=re.IGNORECASE) -> re.Pattern:
    return re.compile(rf"\b(?:{'|'.join(words.split())})\b".replace("_", r"\s+"), flags)


NOT_MEASURED = [  # what leaves a sentence before it is looked at
    re.compile(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|“[^”]*”|\"[^\"]*\"", re.DOTALL),
    re.compile(  # notebook 05, exercises 1 and 2, 1.8
        r"\b(?:notebook|exercise|section|theorem|equation|chapter|table|figure|item|question|number)s?"
        r"\s+\d[\d.]*(?:(?:,| and| to| or)\s*\d[\d.]*)*",
        re.IGNORECASE,
    ),
    re.compile(r"^\d\d(?= [A-Z])|^\d+\.\s|\b(?:19|20)\d\d\b"),  # a notebook's or a point's number, a year
    re.compile(  # how much was done: 8 seeds, 1,000 or 5,000 steps
        r"\b\d[\d,.]*(?:(?:,| to| or| and|%)\s*\d[\d,.]*)*\s+(?:half-)?"
        r"(?:minute|hour|evening|seed|member|step|update|episode|transition|action|rollout|resample|cell)s?\b"
    ),
    re.compile(r"\b\d+% (?:\w+ )?(?:interval|band)s?\b"),
]
NUMBER = re.compile(r"(?<![\w.])[−-]?\d[\d,]*(?:\.\d+)?%?(?!\w)")
SHARE = _any_of(
    """half third quarter fifth tenths? twice dozen one_of_the
    (?:two|three|four|five|six|seven|eight|nine|ten)_(?:times|of|out)"""
)
COMPARISON = _any_of(
    """better worse best worst higher lower highest lowest larger smaller largest smallest less more fewer most mostly
    least than faster slower sooner soonest earlier later longer shorter closer nearer nearest farther further cheaper
    cheapest stronger weaker greater as_(?:good|well|much|many|far|large|high|low|bad)_as as_(?:good|well) beats?
    outperforms? equal(?:ly)? the_same_as too_(?:high|low|much|little|large|small)"""
)
QUANTIFIER = _any_of(
    """not none nobody nothing anything never nearly hardly almost far near all every many still at_first at_the_end
    early late"""
)
OUTCOME = _any_of(
    """arriv(?:es?|ed) reach(?:es|ed)? finds? found solv(?:es?|ed) collaps(?:es?|ed) fail(?:s|ed)? forgets?
    stay(?:s|ed)? falls? fell fills? gets?_stuck rises? rose drifts? drops? shrinks? keeps improve[sd]? repair(?:s|ed)?
    gain(?:s|ed)? los(?:es?|t) cover(?:s|ed)? overestimat\\w+ comes?_down crowds? spends? pays helps? hurts? harms?
    brings? brought differs? agrees? moves? flattens believe[sd]?"""
)
IMPERATIVE = re.compile(
    r"^\W*(?:\d+\.\s*)?(?:predict|look|write|run|choose|click|try|press|move|compare|decide|open|read|use|let|keep|paint|"
    r"collect|replace|put|measure|suppose|recall|say|show|describe|explain|count|compute|turn|vary|recognise|point|draw|"
    r"estimate|see|note|if|time|before|further reading|stuck|when you are done)\b",
    re.IGNORECASE,
)
SPEAKS_TO_THE_READER = _any_of(
    """you your we us our would should may might suppose if means says is_called asks? paper et_al imagine exercise page
    notebook"""
)
ELSEWHERE = re.compile(r"further reading|exercise \d|\bidea\b|equation|^\d+ ·|quiz", re.IGNORECASE)  # such sections


def states_a_result(sentence: Sentence) -> bool:
    """Whether a sentence says what came out, as far as its words tell."""
    text = sentence.text
    if sentence.kind == "row":  # of a table: counts and minutes are no results
        return bool(re.search(r"(?<!\w)[-−]\d|\d\.\d|\d%", text))
    if sentence.kind in ("heading", "caption") or text.endswith(("?", ":", "$$")) or text[:1].islower():
        return False
    if IMPERATIVE.search(text) or ELSEWHERE.search(sentence.section):
        return False
    text = _measured(text)
    if SPEAKS_TO_THE_READER.search(text):
        return False
    telling = () if sentence.kind == "quiz" else (QUANTIFIER, OUTCOME)  # a quiz explains, and seldom what came out
    return _holds_one(text, NUMBER, SHARE, COMPARISON, *telling)


def leaves_a_result(rest: str) -> bool:
    """Whether what no claim covers of a sentence still holds a number or a comparison."""
    return _holds_one(_measured(rest), NUMBER, SHARE, COMPARISON)


def _measured(text: str) -> str:
    for pattern in NOT_MEASURED:
        text = pattern.sub(" … ", text)
    return text


def _holds_one(text: str, *patterns: re.Pattern) -> bool:
    return any(pattern.search(text) for pattern in patterns)
