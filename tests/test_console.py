import logging

import pytest

from semreg_tf import console


class Broken(RuntimeError):
    """An exception that a binary declares to be for its user."""


@pytest.fixture(autouse=True)
def logging_as_it_was():
    logger = logging.getLogger("semreg_tf")
    before = logger.level
    yield
    logger.setLevel(before)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("`x` must be 1.\n  Received: x=2"),
        TypeError("`x` must be 1. Received: x=2"),
        FileNotFoundError("`x` must be 1. Received: x=2"),
        Broken("`x` must be 1. Received: x=2"),
    ],
)
def test_a_refused_argument_is_one_line_and_status_2(error, capsys):
    with pytest.raises(SystemExit) as caught, console.plain_errors(Broken):
        raise error
    assert caught.value.code == 2
    assert caught.value.__suppress_context__
    out, err = capsys.readouterr()
    assert (out, err) == ("", "error: `x` must be 1. Received: x=2\n")


def test_a_list_of_problems_keeps_its_lines(capsys):
    with pytest.raises(SystemExit), console.plain_errors(keep_lines=True):
        raise ValueError("`x` has 2 problems:\n  one\n  two")
    assert capsys.readouterr().err == "error: `x` has 2 problems:\n  one\n  two\n"


def test_a_reader_that_has_gone_away_is_no_mistake():
    with pytest.raises(BrokenPipeError), console.plain_errors():
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("error", [RuntimeError, KeyError, KeyboardInterrupt, Broken])
def test_other_exceptions_keep_their_traceback(error, capsys):
    with pytest.raises(error), console.plain_errors():
        raise error("a mistake of ours")
    assert capsys.readouterr().err == ""


def test_exit_statuses_pass_and_success_prints_nothing(capsys):
    with pytest.raises(SystemExit) as caught, console.plain_errors():
        raise SystemExit(143)
    assert caught.value.code == 143
    with console.plain_errors():
        pass
    assert capsys.readouterr() == ("", "")


def test_the_log_shows_what_the_library_says():
    with console.plain_errors():
        assert logging.getLogger("semreg_tf.data.features_cache").isEnabledFor(logging.INFO)


def test_table_has_a_left_column_and_right_ones():
    rows = [["sky", "74190", "1.5"], ["a longer name", "60", ""]]
    assert console.table(["label", "images", "share"], rows).splitlines() == [
        "label          images  share",
        "-------------  ------  -----",
        "sky             74190    1.5",
        "a longer name      60",
    ]
    assert console.table(["only", "a header"], []) == "only  a header\n----  --------"
