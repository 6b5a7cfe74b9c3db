"""What a plug-in is written against: a feature folder of one's own, under the contract of the house's own features.

`Plugin` is what its `plugin.py` offers as PLUGIN; docs/plugins.md shows how to write one. Everything that a plug-in
may import is named in `contract.PUBLIC`, and `banyan plugins check FOLDER` holds it to that.
"""

from banyan.plugin.declarations import Context, Parts, Plugin

__all__ = ["Context", "Parts", "Plugin"]
