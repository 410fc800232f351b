"""Options of an export that do not go together are refused by name."""

import re

import pytest

from semreg_tf.exporting.export_options import ExportOptions

LITERT = {"format": "litert"}
COMPARED = {"compare_on": "test", "data_dir": "data"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": "onnx"}, "`format` must be one of 'savedmodel', 'litert'. Received: format='o"),
        ({"compare_on": "test"}, "`data_dir` must be given to compare scores. Received: data_dir="),
        (
            {"overrides": ["decoding.beam_width=5", "reranking.hypotheses=5"]},
            "`--config` must not change reranking.* of an export, which reranks nothing. Received: "
            "--config.reranking.hypotheses=5",
        ),
        ({"overrides": ["labels.reranking.best=2"]}, "Received: --config.labels.reranking.best=2"),
        (COMPARED | LITERT, "`compare_on` has no use with format=litert: compare the run's SavedM"),
        (
            {"also": print},
            "`also` has a use with format=litert alone. Received: format='savedmodel",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(fields, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ExportOptions(**fields)


@pytest.mark.parametrize(
    ("fields", "num_runs", "message"),
    [
        (LITERT, 2, "`format` litert takes one `workdir`: write one file a model. Received: 2 fo"),
        (
            COMPARED,
            2,
            "`compare_on` may be given with one `workdir`: compare each run's own export",
        ),
        ({}, 3, "`workdir` may be given once, or twice for a run on captions and a run on tags. R"),
        ({}, 0, "`workdir` may be given once, or twice for a run on captions and a run on tags. R"),
    ],
)
def test_a_number_of_runs_that_is_no_export_is_refused(fields, num_runs, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        ExportOptions(**fields).check_number(num_runs)
    ExportOptions(**fields).check_number(1)
    ExportOptions().check_number(2)
