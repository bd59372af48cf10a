"""A headless Chromium, and `sandbox ui` over a runs directory made by hand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox" / "report"))

CHROMIUM = next(
    (found for name in ("chromium", "google-chrome", "chrome") if (found := shutil.which(name))), None
)
CHROMEDRIVER = shutil.which("chromedriver")
RESOLVED = "--host-resolver-rules=MAP foreign.example 127.0.0.1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that is in this folder needs a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.external)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A driven browser; tests are skipped where there is none."""
    webdriver = pytest.importorskip("selenium.webdriver")
    if CHROMIUM is None or CHROMEDRIVER is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", RESOLVED):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
    driver.set_script_timeout(20)
    yield driver
    driver.quit()


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """The browser with a desktop's window, no cookies and an empty log."""
    window(chromium, 1280, 900)
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    chromium.get_log("browser")
    yield chromium
    chromium.get("about:blank")


def window(driver: Any, width: int, height: int) -> None:
    """Give the page a size; below 600 pixels it is a phone's."""
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A runs directory and the address, token included, at which `sandbox ui` shows it."""
    root = tmp_path / "runs"
    root.mkdir()
    with serving(root) as address:
        yield root, address


@contextmanager
def serving(root: Path, *options: str) -> Iterator[str]:
    """`sandbox ui` over a runs directory; gives its address, token included."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.cli.main", "ui", "--runs-dir", str(root), *options],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield found[0]
    finally:
        process.terminate()
        process.wait(10)
