"""What all tests share: where the browser is, and that the tests which drive it run one at a time."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_TESTS = Path(__file__).parent / "browser"


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium; without one the test is skipped, or fails where REQUIRE_BROWSER is set."""
    named = os.environ.get("NABLAVIZ_CHROMIUM")
    path = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        verdict = pytest.fail if os.environ.get("REQUIRE_BROWSER") else pytest.skip
        verdict("no Chromium: install it, or name one in NABLAVIZ_CHROMIUM")
    return path


@pytest.fixture(scope="session")
def make_summary() -> ModuleType:
    """The generator of large summaries, a benchmark's script."""
    path = Path(__file__).parents[1] / "benchmarks" / "make_summary.py"
    spec = importlib.util.spec_from_file_location("make_summary", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def no_loop(item: pytest.Item) -> Iterator[None]:
    """Hide Playwright's event loop, which goes on running in this thread, from all but the browser tests."""
    if item.get_closest_marker("browser"):
        yield
        return
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(running)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    with no_loop(item):  # from fixtures of every scope too
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    with no_loop(item):
        return (yield)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(BROWSER_TESTS):
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))
