"""Which engine a ledger's scores are made by."""

from __future__ import annotations

from functools import partial

from riskmon.bulk import spark, stream
from riskmon.bulk.replay import Columnar
from riskmon.database import beside
from riskmon.ledger import Ledger
from riskmon.persons import Persons
from riskmon.settings import Config


def columnar(config: Config, ledger: Ledger, persons: Persons) -> Columnar:
    """Return the replay of a ledger by the engine that the configuration names."""
    folder = config.copy_folder or beside(ledger.engine, ".copy")
    weigh = partial(spark.weigh, master=config.master) if config.engine == "spark" else stream.weigh
    return Columnar(ledger, persons, folder, weigh)
