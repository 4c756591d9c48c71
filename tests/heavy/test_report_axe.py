"""What axe-core finds on the page: in both languages, translated or not, light and dark.

Skipped without Chromium or without axe-core (https://github.com/dequelabs/axe-core, MPL-2.0), which
is no dependency: `npm install --no-save axe-core`, or LOCALE_TUNE_AXE=path/to/axe.min.js. The
script runs in a copy of the page whose content security policy is taken out; all else is the page.
"""

from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from extension_facts import TRIMMED
from release_numbers import GULF, ROMANSH
from release_support import everything, labels_of
from test_report_picture import CHROMIUM, browser, page_of

from locale_tune.api import Locale

ROOT = Path(__file__).parents[2]
AXE = Path(os.environ.get("LOCALE_TUNE_AXE", ROOT / "node_modules/axe-core/axe.min.js"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
    pytest.mark.skipif(not AXE.is_file(), reason="no axe-core: npm install --no-save axe-core"),
]
SCHEMES = {"dark": 0, "light": 1}  # Blink's own numbers
RUN = """<script>%s</script>
<script>
for (const detail of document.querySelectorAll("details")) detail.open = true;
const done = (found) => {
  const out = document.createElement("pre");
  out.id = "found";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
};
axe.run(document, {resultTypes: ["violations", "incomplete", "passes"]}).then((result) => done({
  version: result.testEngine.version,
  dark: matchMedia("(prefers-color-scheme: dark)").matches,
  passes: result.passes.map((rule) => rule.id),
  violations: result.violations.map((rule) => [rule.id, rule.nodes.map((n) => n.html)]),
  incomplete: result.incomplete.map((rule) =>
    [rule.id, rule.nodes.map((n) => [n.html, n.any.map((check) => check.message)])]),
}), (error) => done({error: String(error)}));
</script>
"""


def judged(folder: Path, page: str, scheme: str) -> dict[str, Any]:
    """Return what axe says of a page: version, rules passed, violated, and not decided."""
    open_page = re.sub(r"<meta http-equiv=.Content-Security-Policy.[^>]*>", "", page)
    script = RUN % AXE.read_text(encoding="utf-8").replace("</script", "<\\/script")
    copy = folder / f"axe-{scheme}.html"
    copy.write_text(open_page.replace("</body>", f"{script}</body>"), encoding="utf-8")
    flags = (f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", "--window-size=1280,1500")
    dom = browser(folder, *flags, "--virtual-time-budget=30000", "--dump-dom", copy.as_uri())
    found = re.search(r'<pre id="found">(.*?)</pre>', dom, flags=re.S)
    assert found, dom[-500:]
    said = dict(json.loads(html.unescape(found[1])))
    assert "error" not in said, said
    return said


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("translated", [True, False], ids=["translated", "english"])
@pytest.mark.parametrize("locale", [GULF, ROMANSH], ids=lambda locale: locale.id)
def test_axe_finds_nothing(tmp_path: Path, locale: Locale, translated: bool, scheme: str) -> None:
    build = everything(tmp_path, locale)
    assert build.extension is not None
    build.extension["trimmed"] = TRIMMED
    build.ui = labels_of(locale) if translated else {}
    found = judged(tmp_path, page_of(build).read_text(encoding="utf-8"), scheme)
    assert found["dark"] == (scheme == "dark")
    assert found["violations"] == []
    assert len(found["passes"]) >= 25
    # Left to people: text on gradients and in pictures (test_report_colours.py computes it), and
    # headings of groups of rows, which axe looks for cells beside, not below.
    assert {rule for rule, _ in found["incomplete"]} <= {"color-contrast", "th-has-data-cells"}


def test_axe_would_see_a_table_without_headers_and_pale_text(tmp_path: Path) -> None:
    page = page_of(everything(tmp_path, ROMANSH)).read_text(encoding="utf-8")
    page = page.replace("--muted: #515c6e", "--muted: #b5bcc8").replace('lang="en">', ">", 1)
    found = judged(tmp_path, page, "light")
    assert {"color-contrast", "html-has-lang"} <= {rule for rule, _ in found["violations"]}
