"""`banyan chat`: a small terminal client, built on the typed client as any app would be."""

import importlib.util
import sys
from pathlib import Path

# The typed client lies in the same tree, but is a package of its own: where it is not installed it is taken from there.
_CLIENT = Path(__file__).resolve().parents[4] / "clients" / "python" / "src"

if importlib.util.find_spec("banyan_client") is None:
    sys.path.append(str(_CLIENT))
