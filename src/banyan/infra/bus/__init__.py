"""How processes hear each other. The table bus says with a transaction what is outdated; the ephemeral bus carries
what is lost where nobody listens.
"""

from banyan.infra.bus.table import Bus, TableBus

__all__ = ["Bus", "TableBus"]
