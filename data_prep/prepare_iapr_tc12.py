"""Reads IAPR TC-12's official files into shards and prints the counts.

python -m data_prep.prepare_iapr_tc12 --raw_dir=downloads/iaprtc12 --data_dir=data

The splits of the shared lists become another data set, `iapr_tc12/lists`: add --splits=lists, and
name it so in --config.data.dataset.
"""

from data_prep import prepare_command

if __name__ == "__main__":
    prepare_command.run("iapr_tc12")
