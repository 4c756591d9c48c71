"""What a digest of a pack covers."""

from locale_tune import trust


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
