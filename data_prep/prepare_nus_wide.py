"""Reads NUS-WIDE's official files into shards and prints the published counts beside the found.

python -m data_prep.prepare_nus_wide --raw_dir=downloads/nus_wide --data_dir=data

The other splits become data sets of their own, `nus_wide/printed` and `nus_wide/official`: add
--splits=printed or --splits=official, and --config.data.dataset=nus_wide/official in training.
"""

from data_prep import prepare_command

if __name__ == "__main__":
    prepare_command.run("nus_wide")
