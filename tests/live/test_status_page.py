"""The page of `certpush status --html` in a real browser: on a phone and on a desk, in the dark, with nothing but itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from certpush.cli.status.page import page
from cli.status.sights import every_standing, hostile, many
from conftest import not_run

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

WIDTHS = {"all": (360, 900, 1280), "hostile": (360, 900, 1280), "many": (360, 1280)}
OFFLINE = (
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
# As root there is no sandbox; what is looked at is our own.
HEADLESS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--enable-logging=stderr")
MEASURE = """<!doctype html><link rel="icon" href="data:,"><body>%s<pre id="seen"></pre><script>
console.log("heard");
addEventListener("load", () => {
  const seen = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument, root = page.documentElement, box = query => page.querySelector(query).getBoundingClientRect();
    const beyond = [...page.querySelectorAll("main *:not(svg *)")].slice(0, 999).filter(one => one.getBoundingClientRect().right > root.clientWidth + 1);
    seen[frame.name] = {
      wide: root.scrollWidth - root.clientWidth,
      beyond: beyond.map(one => one.className || one.tagName),
      ground: getComputedStyle(page.body).backgroundColor,
      scripts: page.scripts.length, images: page.images.length, title: page.title,
      loaded: frame.contentWindow.performance.getEntriesByType("resource").length,
      now: [...page.querySelectorAll("svg.life")].slice(0, 9).map(one => Math.round(one.getBoundingClientRect().left)),
      cells: ["nas", "shop"].map(name => [...page.querySelectorAll("tbody tr")].find(row => row.querySelector(".name")?.textContent == name))
        .filter(Boolean).map(row => row.querySelectorAll("[role=cell], [role=rowheader]").length),
      hatched: getComputedStyle(page.querySelector("rect.danger") || page.body).fill,
      letters: Math.min(...[...page.querySelectorAll("main *")].slice(0, 999).map(one => parseFloat(getComputedStyle(one).fontSize))),
    };
  }
  document.getElementById("seen").textContent = JSON.stringify(seen);
});
</script>"""


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[str, list[str]]]:
    """The pages on loopback, and what was asked for."""
    pages = {"/all": page(every_standing(), again_after=timedelta(minutes=9)), "/hostile": page(hostile()), "/many": page(many(1000))}
    frames = [
        f'<iframe name="{name} {width}" src="/{name}" style="width:{width}px;height:900px"></iframe>'
        for name, widths in WIDTHS.items()
        for width in widths
    ]
    pages["/measure"] = (MEASURE % "".join(frames)).encode()
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = pages.get(self.path)
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def browse(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a browser that reaches nothing but this machine, to its end."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        not_run("chromium is missing (apt-get install chromium)")
    home = tmp_path_factory.mktemp("browser")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [browser, *HEADLESS, *OFFLINE, f"--user-data-dir={home}", *words],
            capture_output=True, text=True, check=True, timeout=90, env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip

    return run


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What stands on the browser's console: errors of the page, and what its policy forbade."""
    return re.findall(r"CONSOLE.*", done.stderr)


@pytest.fixture(scope="module")
def seen(site, browse) -> dict[str, Any]:
    done = browse("--blink-settings=preferredColorScheme=0", "--dump-dom", f"{site[0]}/measure")
    assert len(said(done)) == 1
    assert '"heard"' in said(done)[0]  # the ear is open
    measured: dict[str, Any] = json.loads(re.search(r'<pre id="seen">(.*?)</pre>', done.stdout, re.DOTALL)[1])
    assert len(measured) == sum(map(len, WIDTHS.values()))
    return measured


def test_nothing_is_wider_than_the_screen(seen):
    assert {name: (one["wide"], one["beyond"]) for name, one in seen.items() if one["wide"] or one["beyond"]} == {}


def test_in_the_dark_it_is_dark_and_danger_is_hatched(seen):
    assert {one["ground"] for one in seen.values()} == {"rgb(18, 19, 21)"}
    assert 'url("#hatch")' in seen["all 1280"]["hatched"]


def test_lifetimes_are_aligned_and_letters_can_be_read(seen):
    assert {len(set(one["now"])) for one in seen.values()} == {1}
    assert min(one["letters"] for one in seen.values()) >= 12


def test_a_row_has_all_its_cells_for_who_does_not_see_it(seen):
    assert seen["all 360"]["cells"] == seen["all 1280"]["cells"] == [6, 6]


def test_what_strangers_wrote_is_text(seen):
    for name, one in seen.items():
        assert (one["scripts"], one["images"], one["loaded"]) == (0, 0, 0), name
        assert one["title"].endswith("\N{MIDDLE DOT} certpush")


def test_it_loads_nothing_and_complains_of_nothing(site, browse, tmp_path: Path):
    address, asked = site
    asked.clear()
    done = browse("--window-size=1280,1900", f"--screenshot={tmp_path}/page.png", f"{address}/all")
    assert said(done) == []
    assert asked == ["/all"]
    assert (tmp_path / "page.png").stat().st_size > 50_000  # a blank one has a few thousand
