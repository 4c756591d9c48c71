"""Lines of tables and keys."""

from locale_tune.toml_lines import line_numbers, line_of

TEXT = """\
# a comment
top = 1
[a.b]
key = "x"
"quoted key" = 2
[[list]]
one = 1
[[list]]
two = 2
deep.er = 3
"""


def test_every_place_has_its_line():
    lines = line_numbers(TEXT)
    assert lines[("top",)] == 2
    assert lines[("a", "b", "key")] == 4
    assert lines[("a", "b", "quoted key")] == 5
    assert lines[("list", 0, "one")] == 7
    assert lines[("list", 1)] == 8
    assert lines[("list", 1, "deep", "er")] == 10


def test_a_missing_key_is_at_its_table():
    assert line_of(line_numbers(TEXT), ("list", 1, "absent")) == 8
    assert line_of(line_numbers(TEXT), ("nothing",)) == 1
