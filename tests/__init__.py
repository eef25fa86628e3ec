"""Tests: each says in its name and docstring what riskmon promises."""
