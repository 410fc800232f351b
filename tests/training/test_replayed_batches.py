"""What measures gradients tells a damaged record in one line."""

import pytest

from semreg_tf.data.record_errors import DamagedRecordError
from semreg_tf.data.record_reader import RecordReader
from semreg_tf.training.clipping_by_length import measure_clipping
from semreg_tf.training.gradient_flow import measure_gradients


@pytest.mark.parametrize("measure", [measure_clipping, measure_gradients])
def test_a_damaged_record_is_one_line(measure, caption_runs, demo_data, monkeypatch):
    def read(*_):
        raise DamagedRecordError("`data_dir` must hold whole records: row 3 is damaged.")

    monkeypatch.setattr(RecordReader, "read", read)
    with pytest.raises(DamagedRecordError, match=r"^`data_dir` must .* is damaged\.$"):
        measure(caption_runs[0], demo_data, 1)
