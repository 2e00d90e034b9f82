"""What is asked of both: each scenario is a function whose calls and answers are compared one by one."""

from tests.conformance.scenarios import archives, insides, lives, networks, streams, swarm
from tests.conformance.scenarios.registry import SCENARIOS

__all__ = ["SCENARIOS", "archives", "insides", "lives", "networks", "streams", "swarm"]
