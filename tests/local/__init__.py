"""Tests of the embedded server, for which the extra `local` must be installed."""

from importlib.util import find_spec

import pytest

for package in ("starlette", "uvicorn", "xllamacpp"):
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed: the extra `local` brings it", allow_module_level=True)
