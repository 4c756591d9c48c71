"""What a browser makes of the page: it fits, it is not blank, and Arabic letters stay joined.

Skipped without Chromium. The page itself holds no script; the measuring script is in a page around
it, which shows the report in a frame of the width asked for.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from extension_facts import TRIMMED
from png_pixels import dark_pixels
from release_numbers import GULF, ROMANSH
from release_support import Build, example

from locale_tune.api import Locale
from locale_tune_release import run_release
from locale_tune_release.page import TEMPLATES
from locale_tune_release.pieces import blocks

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium: apt-get install chromium"),
]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NOTO = (
    CHROMIUM
    and "Noto" in subprocess.run(["fc-list"], capture_output=True, text=True, check=False).stdout
)
WITH_FONTS = pytest.mark.skipif(not NOTO, reason="no Noto fonts: apt-get install fonts-noto-core")
LONG = "Donaudampfschifffahrtsgesellschaft" * 8
MEASURE = """\
<!doctype html><meta charset="utf-8"><body><pre id="found"></pre>
<iframe id="frame" style="border:0;width:%dpx;height:900px" srcdoc="%s"></iframe>
<script>
const frame = document.getElementById("frame");
frame.onload = () => {
  const page = frame.contentDocument, width = frame.clientWidth, beyond = [];
  for (const detail of page.querySelectorAll("details")) detail.open = true;
  for (const element of page.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    const inside = element.parentElement.closest(".scroll, svg");
    if (!inside && (box.right > width + 0.5 || box.left < -0.5))
      beyond.push(element.tagName + "." + element.className);
  }
  const torn = [];
  for (const line of page.querySelectorAll("p.pieces")) {
    const whole = line.cloneNode(false);
    whole.textContent = line.textContent;
    line.after(whole);
    for (const one of [line, whole]) one.style.cssText = "display:inline-block;white-space:pre";
    const gap = Math.abs(line.getBoundingClientRect().width - whole.getBoundingClientRect().width);
    if (gap > 0.5) torn.push([line.textContent, gap]);
    whole.remove();
    line.style.cssText = "";
  }
  const root = page.documentElement;
  const columns = getComputedStyle(page.querySelector(".pair")).gridTemplateColumns;
  document.getElementById("found").textContent = JSON.stringify({
    width: root.clientWidth, content: root.scrollWidth, beyond, torn,
    lines: page.querySelectorAll("p.pieces").length, columns: columns.split(" ").length,
    height: root.scrollHeight,
  });
};
</script>
"""


def browser(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


def measured(folder: Path, page: str, width: int) -> dict[str, Any]:
    wrapper = folder / f"wrapper-{width}.html"
    wrapper.write_text(MEASURE % (width, html.escape(page)), encoding="utf-8")
    dom = browser(folder, "--virtual-time-budget=3000", "--dump-dom", wrapper.as_uri())
    found = re.search(r'<pre id="found">(.*?)</pre>', dom, flags=re.S)
    assert found, dom[:500]
    return dict(json.loads(html.unescape(found[1])))


def page_of(build: Build) -> Path:
    job = build.job()
    run_release(job)
    return job.out / "report.html"


def stretched(folder: Path) -> Build:
    """Return a build full of words and addresses that no line can hold."""
    build = example(folder, GULF)
    build.findings["findings"][0] |= {"label": LONG, "note": LONG}
    build.findings["samples"][0] |= {"prompt": LONG, "after": LONG}
    build.findings["samples"][1]["after"] = "هه" * 200
    build.sources[0] |= {"uri": f"https://texts.example/{LONG}", "credit": LONG}
    build.sources[4] |= {"uri": f"https://texts.example/{LONG}", "problem": LONG}
    build.facts = {"line": LONG, LONG: LONG}
    assert build.extension is not None
    build.extension |= {"reason": LONG, "notes": [LONG], "measured_on": LONG}
    build.extension["rows"] |= {"initializer": LONG, "rows_loss_reason": LONG}
    build.extension["pretokenizer"] |= {"reason": LONG}
    build.extension["trimmed"] = {**TRIMMED, "reason": LONG, LONG: LONG}
    build.certificate = {LONG: {"passed": None, "why": LONG, LONG: LONG}}
    build.authors = (LONG,)
    build.base_model = f"package:{LONG}/{LONG}.gguf"
    build.locale = GULF.model_copy(update={"name": LONG, "endonym": "ه" * 120})
    return build


@pytest.mark.parametrize("locale", [GULF, ROMANSH], ids=lambda locale: locale.id)
def test_nothing_overflows_and_no_word_is_torn(tmp_path: Path, locale: Locale) -> None:
    page = page_of(example(tmp_path, locale)).read_text(encoding="utf-8")
    for width, columns in ((1280, 2), (400, 1)):
        found = measured(tmp_path, page, width)
        assert found["width"] == width
        assert found["content"] <= width, found["beyond"]
        assert found["beyond"] == []
        assert found["lines"] == 8
        assert found["torn"] == []
        assert found["columns"] == columns


def test_long_words_and_addresses_wrap(tmp_path: Path) -> None:
    page = page_of(stretched(tmp_path)).read_text(encoding="utf-8")
    for width in (1280, 400):
        found = measured(tmp_path, page, width)
        assert found["content"] <= width
        assert found["beyond"] == []


SENTENCES = [
    ("كَتَبَ الوَلَدُ رِسالةً إلى جَدَّتِهِ، لا بأس، الأرمي للاعبين.", GULF),
    (
        "हिन्दी में क्या लिखा है? श्री कृष्ण की क्षत्रिय",
        ROMANSH.model_copy(update={"tag": "hi", "script": "Deva"}),
    ),
]


def ink(folder: Path, text: str, locale: Locale, parts: list[str]) -> int:
    """Count the dark pixels of a sentence in coloured spans, one span a part."""
    spans = "".join(f"<span class='{'ab'[n % 2]}'>{part}</span>" for n, part in enumerate(parts))
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    page, picture = folder / "page.html", folder / "page.png"
    page.write_text(
        f"<!doctype html><meta charset='utf-8'><style>{style} "
        "p.pieces { font-size: 3rem !important } p.pieces span.a { background: #dfe7ff }"
        f"</style><p class='native pieces' lang='{locale.tag}' dir='{locale.direction}'>"
        f"{spans}</p>",
        encoding="utf-8",
    )
    browser(folder, "--window-size=900,260", f"--screenshot={picture}", page.as_uri())
    return dark_pixels(picture.read_bytes())


@WITH_FONTS
@pytest.mark.parametrize(("text", "locale"), SENTENCES, ids=["diacritics", "devanagari"])
def test_no_background_covers_a_part_of_a_letter(tmp_path: Path, text: str, locale: Locale) -> None:
    each = [(place, place + 1) for place in range(len(text))]
    whole = ink(tmp_path, text, locale, [text])
    ours = ink(tmp_path, text, locale, [part for part, _ in blocks(text, each)])
    assert whole > 5_000
    # Strokes that reach into their neighbour lose their edge.
    assert ours == pytest.approx(whole, rel=0.01)


@WITH_FONTS
def test_a_cut_inside_a_ligature_would_hide_half_of_it(tmp_path: Path) -> None:
    text, locale = SENTENCES[0]
    torn = ink(tmp_path, text, locale, list(text))
    assert torn < 0.95 * ink(tmp_path, text, locale, [text])


def test_a_trimmed_release_fits_too(tmp_path: Path) -> None:
    build = example(tmp_path, GULF)
    assert build.extension is not None
    build.extension["trimmed"] = TRIMMED
    page = page_of(build).read_text(encoding="utf-8")
    for width in (1280, 400):
        found = measured(tmp_path, page, width)
        assert found["content"] <= width, found["beyond"]
        assert found["beyond"] == []


def test_padding_would_tear_words_and_this_test_would_see_it(tmp_path: Path) -> None:
    page = page_of(example(tmp_path, GULF)).read_text(encoding="utf-8")
    padded = page.replace("</style>", ".pieces span { padding: 0 1px }</style>")
    assert measured(tmp_path, padded, 1280)["torn"]


@pytest.mark.parametrize("width", [1280, 500])
def test_the_picture_is_not_blank(tmp_path: Path, width: int) -> None:
    page, picture = page_of(example(tmp_path, GULF)), tmp_path / "page.png"
    browser(tmp_path, f"--window-size={width},1500", f"--screenshot={picture}", page.as_uri())
    content = picture.read_bytes()
    assert struct.unpack(">II", content[16:24]) == (width, 1500)
    assert len(content) > 60_000


def test_it_prints(tmp_path: Path) -> None:
    page, paper = page_of(example(tmp_path, GULF)), tmp_path / "page.pdf"
    browser(tmp_path, f"--print-to-pdf={paper}", "--no-pdf-header-footer", page.as_uri())
    content = paper.read_bytes()
    assert content.startswith(b"%PDF")
    assert 4 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 30
