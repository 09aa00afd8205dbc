"""The report: one page that loads nothing, read in a real browser on a phone and a desk."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from llmcache import SQLiteBackend
from llmcache.backends.counts import Cell, Sums
from llmcache.cli import llmcache

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
LONG = "app.<script>alert(1)</script>." + "a_name_without_any_end" * 4
OUTCOMES = (("hit", ""), ("miss", "absent"), ("run", ""), ("wait", ""), ("bypass", "mode"))
SIZES = {"phone": (390, 844), "desk": (1200, 900)}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A report of three weeks."""
    counts = {
        Cell(f"2026-11-{day:02}", "", function, model, outcome, reason): Sums(day, 2.0, 10**8, 90)
        for day in range(1, 22)
        for function in ("app.invoices.extract", LONG)
        for model in ("gpt-4o-mini", "")
        for outcome, reason in OUTCOMES
    }
    with SQLiteBackend(tmp_path / "a.db") as backend:
        backend.add_counts(counts, [])
    target = tmp_path / "report.html"
    arguments = ["report", str(target), "--backend", f"sqlite:///{tmp_path}/a.db"]
    result = CliRunner().invoke(llmcache, arguments, catch_exceptions=False)
    assert (result.exit_code, result.stderr) == (0, f"Wrote {target}.\n")
    return target


def test_the_page_names_nothing_that_would_be_loaded(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"https?:|<script|<link|<img|@import|url\(|src=", text) == []
    assert "default-src 'none'" in text
    assert "&lt;script&gt;" in text


def test_a_report_of_nothing_is_a_page_too(isolated: Path) -> None:
    result = CliRunner().invoke(llmcache, ["report", "-"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "Nothing was counted yet." in result.stdout
    assert list(isolated.iterdir()) == []


class Browser:
    """A headless Chromium, driven over the WebDriver protocol on loopback."""

    def __init__(self, driver: str, chromium: str, directory: Path) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - found on the PATH
            [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.root = ""
        try:
            self.root = f"http://127.0.0.1:{self.chosen_port()}"
            options = {"binary": chromium, "args": [*FLAGS, f"--user-data-dir={directory}"]}
            wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}
            self.root += f"/session/{self.ask('/session', wanted)['sessionId']}"
        except BaseException:
            self.close()
            raise

    def ask(self, path: str, facts: dict[str, Any] | None = None, method: str = "POST") -> Any:
        """One command."""
        data = None if method != "POST" else json.dumps(facts or {}).encode()
        request = urllib.request.Request(self.root + path, data, method=method)  # noqa: S310 - loopback
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=60) as reply:
            return json.load(reply)["value"]

    def chosen_port(self) -> int:
        """Where the driver takes commands, once it does."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if told := re.search(r"started successfully on port (\d+)", line):
                return int(told[1])
        raise RuntimeError("chromedriver does not start")

    def emulate(self, command: str, **facts: Any) -> None:
        """One command of the DevTools."""
        self.ask("/goog/cdp/execute", {"cmd": f"Emulation.{command}", "params": facts})

    def read(self, expression: str) -> Any:
        """What an expression is on the page."""
        return self.ask("/execute/sync", {"script": f"return {expression}", "args": []})

    def close(self) -> None:
        """End the browser and the driver."""
        try:
            if "/session/" in self.root:
                self.ask("", method="DELETE")
        finally:
            self.process.terminate()
            self.process.communicate()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or chromium is None:
        if os.environ.get("EXPECT_CHROMIUM") == "1":
            pytest.fail("EXPECT_CHROMIUM=1, but chromium and chromedriver are not on the PATH")
        pytest.skip("no chromium and chromedriver on the PATH (EXPECT_CHROMIUM=1 makes this fail)")
    made = Browser(driver, chromium, tmp_path / "profile")
    yield made
    made.close()


def test_the_page_is_readable_on_a_phone_and_a_desk_by_day_and_by_night(
    page: Path, browser: Browser
) -> None:
    backgrounds = set()
    browser.ask("/url", {"url": page.as_uri()})
    for width, height in SIZES.values():
        for scheme in ("light", "dark"):
            browser.emulate(
                "setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=1,
                mobile=width < 600,
            )
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            browser.emulate("setEmulatedMedia", features=features)
            assert browser.read("window.innerWidth") == width
            assert browser.read("document.documentElement.scrollWidth") <= width
            assert browser.read(CUT_OFF) == []
            assert browser.read(CONTRAST) >= 4.5
            backgrounds.add(browser.read("getComputedStyle(document.body).backgroundColor"))
    assert len(backgrounds) == 2
    assert browser.read("performance.getEntriesByType('resource').length") == 0
    assert browser.read("document.querySelectorAll('svg rect').length") == 21 * 4
    headings = browser.read("[...document.querySelectorAll('h2')].map(each => each.textContent)")
    assert headings == [
        "Calls by day",
        "By function",
        "By model",
        "Why calls missed",
        "What is stored",
    ]


CUT_OFF = """[...document.querySelectorAll('.tile b, h1, h2, .soft, .card')]
    .filter(each => each.scrollWidth > each.clientWidth + 1 && each.clientWidth)
    .map(each => each.textContent)"""

CONTRAST = """(() => {
    const light = text => {
        const [r, g, b] = text.match(/[0-9.]+/g).map(Number).map(each => each / 255)
            .map(each => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const below = each => {
        const shade = getComputedStyle(each).backgroundColor;
        return shade === 'rgba(0, 0, 0, 0)' ? below(each.parentElement) : shade;
    };
    return Math.min(...[...document.querySelectorAll('h1, h2, b, p, .soft, td, th')].map(each => {
        const [ink, paper] = [getComputedStyle(each).color, below(each)].map(light);
        return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    }));
})()"""
"""The least contrast of text with what it stands on, by the measure of WCAG."""
