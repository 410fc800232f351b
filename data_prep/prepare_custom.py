"""Checks your own annotated pictures, every line at once, and makes shards of them.

python -m data_prep.prepare_custom --raw_dir=pictures --data_dir=data
python -m data_prep.prepare_custom --raw_dir=pictures --annotations=photos.csv --check_only

The format: data_prep/custom/README.md. Then train with --experiment=custom_tags/s_cnn_rnn or
--experiment=custom_captions/s_cnn_rnn.
"""

from data_prep import prepare_command

if __name__ == "__main__":
    prepare_command.run("custom")
