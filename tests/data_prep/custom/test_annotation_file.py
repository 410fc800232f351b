import pytest

from data_prep.custom.annotation_file import Row, read_rows
from data_prep.custom.findings import Findings


@pytest.fixture
def read(tmp_path):
    def of(content, name="a.jsonl"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        findings = Findings()
        return read_rows(path, findings), [(f.line, f.text) for f in findings.problems]

    return of


def test_json_lines(read):
    rows, problems = read(
        b'\xef\xbb\xbf{"file_name": "a.jpg", "captions": ["Caf\xc3\xa9.", "B"]}\r\n'
        b"\r\n"
        b'{"file_name": "b.jpg", "labels": [], "split": null}'
    )
    assert rows == [
        Row(1, {"file_name": "a.jpg", "captions": ["Café.", "B"]}),
        Row(3, {"file_name": "b.jpg", "labels": []}),
    ]
    assert not problems


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_csv(read, mark):
    cells = [
        ["file_name", "captions", "labels"],
        ["a.jpg", '"One, two.|Three; four.\tFive."', "dog | sea"],
        ["b.jpg", "", "x"],
    ]
    rows, problems = read("".join(f"{mark.join(line)}\r\n" for line in cells), "a.csv")
    assert rows == [
        Row(
            2,
            {
                "file_name": "a.jpg",
                "captions": ["One, two.", "Three; four.\tFive."],
                "labels": ["dog", "sea"],
            },
        ),
        Row(3, {"file_name": "b.jpg", "labels": ["x"]}),
    ]
    assert not problems


def test_a_quoted_text_goes_on_to_the_next_line(read):
    rows, problems = read('file_name,caption\n\na.jpg,"One\ntwo."\nb.jpg,"Say ""no""."\n', "a.csv")
    assert rows == [
        Row(3, {"file_name": "a.jpg", "caption": "One\ntwo."}),
        Row(5, {"file_name": "b.jpg", "caption": 'Say "no".'}),
    ]
    assert not problems


def test_all_lines_that_are_no_json_are_told_by_line_and_column(read):
    good = '{"file_name": "a.jpg"}'
    rows, problems = read(
        f"{good}\n"
        '{"file_name": "a.jpg" "labels": []}\n'
        "{'file_name': 'a.jpg'}\n"
        '{"file_name": "a.jpg",}\n'
        '["a.jpg"]\n'
        '{"labels": ["a"], "labels": ["b"]}\n'
        f"{good}\n"
        '{"file_name": "a.jpg", "captions": ["A d'
    )
    assert [row.line for row in rows] == [1, 7]
    assert [line for line, _ in problems] == [2, 3, 4, 5, 6, 8]
    texts = [text for _, text in problems]
    assert texts[0].startswith("no JSON at column 23: Expecting ',' delimiter. Received: ")
    assert "(texts stand in double quotes)" in texts[1]
    assert "(a comma too many)" in texts[2]
    assert texts[3].startswith('the line must be an object {"file_name": ...}. Received: [')
    assert texts[4] == "the column 'labels' is there twice"
    assert texts[5].startswith("the line ends within the JSON, after column 40. Received: ...")


@pytest.mark.parametrize("text", ['[\n{"file_name": "a"}]', '{\n"file_name": "a"\n}', '[{"a": 1}]'])
def test_one_json_document_is_told_once(read, text):
    rows, problems = read(text, "a.json")
    assert not rows
    assert len(problems) == 1
    assert "write one object on each line" in problems[0][1]


def test_csv_lines_with_other_numbers_of_cells_or_open_quotes(read):
    rows, problems = read(
        'file_name,captions\na.jpg,One, two.\nb.jpg\nc.jpg,x\nd.jpg,"e" f\ng.jpg,"h\ni,j\n',
        "a.csv",
    )
    assert [row.line for row in rows] == [4]
    assert [line for line, _ in problems] == [2, 3, 5, 6]
    assert "the line has 3 cells, the first line names 2 columns" in problems[0][1]
    assert "put texts that hold ',' in double quotes" in problems[0][1]
    assert "1 cells" in problems[1][1]
    assert "no CSV: ',' expected after '\"'" in problems[2][1]
    assert "a quote is opened and never closed. Received: 'g.jpg,\"h'" in problems[3][1]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("a.jpg,A dog.", "the first line must name the columns, `file_name` among them"),
        ("file_name,labels,labels", "names ['labels'] more than once"),
    ],
)
def test_csv_columns(read, header, message):
    rows, problems = read(f"{header}\nb.jpg,x,y\n", "a.csv")
    assert not rows
    assert len(problems) == 1
    assert message in problems[0][1]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_lines_that_are_no_utf8(read, name):
    good = {"a.jsonl": b'{"file_name": "b"}', "a.csv": b"b,x"}[name]
    start = {"a.jsonl": b'{"file_name": "c"}', "a.csv": b"file_name,caption"}[name]
    rows, problems = read(start + b"\n" + b'caf\xe9 "x' + b"\n" + good, name)
    assert rows[-1].line == 3
    assert problems == [
        (
            2,
            "byte 4 of the line is no UTF-8: save the file as UTF-8. Received: b'caf\\xe9 \"x'",
        )
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"file_name": "a"}'.encode("utf-16"), "the file is UTF-16"),
        (b"PK\x03\x04....", "the file is a workbook"),
        (b"\n \n", "the file is empty"),
    ],
)
def test_files_that_are_something_else(read, content, message):
    for name in ("a.jsonl", "a.csv"):
        rows, problems = read(content, name)
        assert not rows
        assert [line for line, _ in problems] == [1]
        assert problems[0][1].startswith(message)


def test_a_file_must_be_there_and_its_ending_known(tmp_path):
    with pytest.raises(ValueError, match=r"`annotations` must be a JSON Lines file .*'.*a.xlsx'"):
        read_rows(tmp_path / "a.xlsx", Findings())
    with pytest.raises(ValueError, match=r"`annotations` must be a file: there is none.*a.csv'"):
        read_rows(tmp_path / "a.csv", Findings())


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_lines_that_end_in_cr_alone_are_told(read, name):
    text = "file_name,caption\ra.jpg,A box.\r" if name == "a.csv" else '{"a": 1}\r{"b": 2}'
    rows, problems = read(text, name)
    assert not rows
    assert problems == [
        (1, "the lines end in CR alone, as old Mac programs write them: save it with LF")
    ]


def test_one_line_end_of_cr_alone_is_told_with_its_line(read):
    rows, problems = read("file_name,caption\na.jpg,One.\rb.jpg,Two.\nc.jpg,Three.\n", "a.csv")
    assert [row.values["file_name"] for row in rows] == ["c.jpg"]
    assert [(line, "parted by CR alone" in text) for line, text in problems] == [(2, True)]
    _, problems = read('{"file_name": "a"}\r{"file_name": "b"}\n\n')
    assert [(line, "parted by CR alone" in text) for line, text in problems] == [(1, True)]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"file_name": "a", "captions": ["x \\ud800 y"]}', "Half of a surrogate pair"),
        ('{"file_name": NaN}', "NaN is not a JSON number"),
        ("[" * 100_000, "Brackets nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "A number of thousands of digits"),
    ],
)
def test_what_json_should_not_hold_is_one_problem_of_its_line(read, line, says):
    _, problems = read('{"file_name": "a"}\n' + line + "\n")
    assert [number for number, _ in problems] == [2]
    assert says in problems[0][1]
    assert len(problems[0][1]) < 200
