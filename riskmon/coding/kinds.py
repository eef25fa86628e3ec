"""Kinds of names, as letters."""

COMPANY, PERSON, AUTHORITY, PRODUCT, OTHER = "c", "p", "a", "x", "o"
UNKNOWN, PLACE, LIST, NOTHING = "u", "g", "l", "-"
"""Kinds; the last one's are no party: places, lists and laws, media and times."""
