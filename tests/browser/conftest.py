"""The fixture ``lab``: see ``harness.py``. When a test ends, what went wrong on its pages is checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from harness import BROWSER_ARGS, Lab


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """Chromium with software WebGL, started once."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def jupyterlab(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The server, started once; at an address such as a JupyterHub gives it, which every test bears."""
    lab = Lab(browser, tmp_path_factory.mktemp("lab"), base="/user/somebody")
    yield lab
    lab.close()


@pytest.fixture
def lab(jupyterlab: Lab) -> Iterator[Lab]:
    """JupyterLab; afterwards no page of the test may have logged an error or left this machine."""
    before = len(jupyterlab.opened)
    yield jupyterlab
    mine = jupyterlab.opened[before:]
    for notebook in mine:
        notebook.close()
    assert [error for notebook in mine for error in notebook.errors] == []
    assert [url for notebook in mine for url in notebook.outside] == []
