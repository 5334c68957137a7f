"""Tests of the built-in server, for which the extra `local` must be installed."""

from importlib.util import find_spec

for package in ("starlette", "uvicorn", "xllamacpp"):
    if find_spec(package) is None:
        import pytest  # not imported by the programs that tests start: it takes 0.2 s

        pytest.skip(f"{package} is not installed: the extra `local` brings it", allow_module_level=True)
