"""`python -m riskmon` is `riskmon`."""

from riskmon.cli import main

main()
