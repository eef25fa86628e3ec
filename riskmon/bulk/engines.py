"""Which engine a ledger's scores are made by."""

from __future__ import annotations

from functools import partial

from riskmon.bulk import spark, stream
from riskmon.bulk.replay import Columnar
from riskmon.database import beside
from riskmon.errors import UsageError
from riskmon.ledger import Ledger
from riskmon.persons import Persons
from riskmon.settings import Config


def columnar(config: Config, ledger: Ledger, persons: Persons) -> Columnar:
    """Return the replay of a ledger by the engine that the configuration names."""
    if ledger.database.in_memory(ledger.engine.url):
        raise UsageError(
            f'a ledger in memory has no engine "{config.engine}": give the database a file'
        )
    folder = config.copy_folder or beside(ledger.engine, ".copy")
    weigh = partial(spark.weigh, master=config.master) if config.engine == "spark" else stream.weigh
    return Columnar(ledger, persons, folder, weigh)
