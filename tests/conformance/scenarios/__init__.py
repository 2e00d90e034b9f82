"""What is asked of both: each scenario is a function whose calls and answers are compared one by one."""

import importlib
import pkgutil

from tests.conformance.scenarios.registry import SCENARIOS

__all__ = ["SCENARIOS"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
