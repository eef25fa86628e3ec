"""Codes news stories: who did what to whom, in the manner of event coders, by dictionaries.

Pure and offline, after CAMEO, PLOVER and their coders (TABARI, PETRARCH): names are found by their
shape and by what stands beside them, verbs by the frames of `frames.yaml`, whose slots say which
role the subject and the objects of a verb have. `code` codes a story, `Coding` is what it finds.
"""

from riskmon.coding.coder import code
from riskmon.coding.matching import Coding
from riskmon.coding.sentences import Story, story

__all__ = ["Coding", "Story", "code", "story"]
