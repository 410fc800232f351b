from data_prep.custom.findings import Finding, describe, some_lines


def test_one_line_each_by_line_number():
    found = [Finding(9, "picture missing", "no 'b'"), Finding(2, "no JSON", "no JSON")]
    assert describe(found) == "  line 2: no JSON\n  line 9: no 'b'"


def test_the_file_as_a_whole_has_no_line():
    assert describe([Finding(0, "unnamed", "3 pictures")]) == "  3 pictures"


def test_kinds_are_counted_where_some_are_alike():
    found = [Finding(n, "picture missing", f"no {n}") for n in (1, 2)]
    assert describe(found).splitlines()[-1] == "  in all 2: picture missing: 2"


def test_a_long_list_keeps_every_line_number():
    found = [Finding(n, "picture missing", f"no {n}") for n in range(1, 301) if n != 200]
    found.append(Finding(150, "no JSON", "no JSON at column 3"))
    lines = describe(found).splitlines()
    assert lines[9] == "  line 10: no 10"
    assert lines[10] == "  line 150: no JSON at column 3"
    assert lines[11] == "  picture missing, as above, also on lines 11-199, 201-300"
    assert lines[12] == "  in all 300: picture missing: 299, no JSON: 1"
    assert len(lines) == 13


def test_some_lines_are_not_endlessly_many():
    assert some_lines([7, 3, 4, 5]) == "3-5, 7"
    text = some_lines(range(1, 200, 2))
    assert len(text) < 90
    assert text.startswith("1, 3, 5, ")
    assert text.endswith(", 39, 41, ...")
