"""Evaluators turn a matter into lines; each is one file here."""
