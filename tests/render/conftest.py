"""How many examples the property tests try: `HYPOTHESIS_PROFILE=thorough` tries fifty times more."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("ordinary", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("ordinary"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ordinary"))
