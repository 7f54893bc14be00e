"""How models say that they will not or cannot answer, in the languages they say it in."""

from __future__ import annotations

import re

# Refusals stand at the beginning.
_LOOKED_AT = 600

_ENGLISH = (
    r"\b(?:i|we)(?:'m| am| are)?(?: really| very| just| currently)?(?: sorry,?(?: but)?)?(?: i)?"
    r" (?:cannot|can't|can not|cant|could not|couldn't|won't|will not|do not|don't|unable"
    r"|not able|not capable|not comfortable|must decline|must refuse|refuse|apologi[sz]e)\b",
    r"\bi(?:'m| am) (?:unable|not able|not capable|sorry)\b",
    r"^\W*sorry\b",
    r"\bas an? (?:ai|artificial|(?:large )?language model)\b",
    r"\bno image (?:was|is|has been|provided|attached|uploaded|given|available)\b",
    r"\b(?:please|could you) (?:provide|upload|share|attach) (?:an|the|your|a) (?:\w+ )?image\b",
    r"\bcannot (?:assist|help|comply|fulfill|process|analy[sz]e|view)\b",
    r"\bimage (?:is|was) not (?:provided|available|visible)\b",
)
_OTHERS = (
    r"抱歉|对不起|無法|无法|不能提供|申し訳|すみません|できません|죄송|할 수 없",
    r"\blo siento\b|\bno puedo\b|\bdésolée?\b|\bje ne (?:peux|suis)\b",
    r"\btut mir leid\b|\bich kann\b.{0,60}\bnicht\b|\bmi dispiace\b|\bnon posso\b",
    r"\bdesculpe\b|\bnão posso\b|извините|к сожалению|не могу|przepraszam|nie mogę|üzgünüm",
    r"عذر|آسف|لا أستطيع|لا يمكنني|क्षमा|माफ़|नहीं कर सकता",
)
_REFUSES = re.compile("|".join((*_ENGLISH, *_OTHERS)), re.IGNORECASE)


def refuses(chars: str) -> bool:
    """Whether a reply says so in its first sentences."""
    return _REFUSES.search(" ".join(chars[:_LOOKED_AT].replace("’", "'").split())) is not None
