"""The public test suite for packs: subclass it, name your language, run pytest.

from locale_tune.testing import LanguageSuite

class TestRm(LanguageSuite):
    language = "rm"
"""

from __future__ import annotations

import unicodedata
from itertools import islice

from locale_tune import assets, planning, plugins
from locale_tune.base import Base
from locale_tune.conformance import check_pack
from locale_tune.packfile import read_pack
from locale_tune.schema import LanguagePack, Record

LOOKED_AT = 300


class LanguageSuite:
    """What every language pack must do. `language` is its id, or its folder."""

    language = ""

    def pack(self) -> LanguagePack:
        """Return the pack under test."""
        found = plugins.find_language(self.language)
        return read_pack(found.root, found.distribution, found.version)

    def test_every_rule_is_met(self) -> None:
        """`locale-tune check` finds nothing to fix."""
        verdicts = list(check_pack(plugins.find_language(self.language)))
        assert [v for v in verdicts if v.state == "fix"] == []

    def test_every_source_is_pinned_and_licensed(self) -> None:
        """A text that is not in the pack has a hash, and every text a licence."""
        for source in self.pack().sources:
            assert source.licence, source.id
            if assets.scheme_of(source.uri) in ("https", "npm", "pypi", "mirror"):
                assert source.sha256, source.id

    def test_the_same_request_gives_the_same_plan(self) -> None:
        """Planning is a pure function of the pack and the request."""
        pm = plugins.manager()
        pack = plugins.load_language(pm, self.language)
        parts = plugins.parts(pm, pack)
        request = planning.Request(
            base=Base(pack.base_model, None, "x"), found=assets.locate_all(pack)
        )
        first = planning.plan_for(pm, pack, parts, request)
        assert first == planning.plan_for(pm, pack, parts, request)
        assert len({step.fingerprint for step in first.steps}) == len(first.steps)

    def test_text_that_is_here_reads_clean(self) -> None:
        """Records of every source on this machine have an id and no broken letters."""
        pm = plugins.manager()
        pack = plugins.load_language(pm, self.language)
        kinds = plugins.parts(pm, pack).source_kinds
        by_id = {source.id: source for source in pack.sources}
        for found in assets.locate_all(pack):
            if found.path is None:
                continue
            source = by_id[found.source]
            read = kinds[source.kind].read(source, found.path, pack.locale)
            records = [r for r in islice(read, LOOKED_AT) if isinstance(r, Record)]
            assert records, source.id
            assert len({record.id for record in records}) == len(records), source.id
            for record in records:
                assert "\ufffd" not in record.text, record.id
                assert unicodedata.is_normalized("NFC", record.text), record.id

    def test_prompts_are_in_the_language(self) -> None:
        """The report asks in the language itself."""
        assert self.pack().prompts
