"""What a digest of a pack covers."""

import pytest

from locale_tune import trust
from locale_tune.errors import PluginError


def test_the_digest_covers_names_and_contents(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\n")
    before = trust.tree_digest(tmp_path)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("noise")
    assert trust.tree_digest(tmp_path) == before
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert trust.tree_digest(tmp_path) != before


def test_trust_is_remembered_per_folder(tmp_path):
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "a.py").write_text("x = 1\n")
    assert trust.trusted() == {}
    entry = trust.allow(pack)
    assert trust.trusted() == {str(pack.resolve()): entry}


def test_a_link_in_a_pack_cannot_be_trusted(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "outside.py").write_text("x = 1\n")
    (tmp_path / "pack" / "v.py").symlink_to(tmp_path / "outside.py")
    with pytest.raises(PluginError, match=r"v\.py is a link"):
        trust.allow(tmp_path / "pack")


def test_a_damaged_list_trusts_nothing():
    trust.config_dir().mkdir(parents=True)
    (trust.config_dir() / "trusted.json").write_text("[")
    assert trust.trusted() == {}
