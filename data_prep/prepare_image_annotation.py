r"""Reads Corel-5k, ESP Game or IAPR TC-12 as labelled pictures into shards, prints the counts.

python -m data_prep.prepare_image_annotation --variant=corel5k --raw_dir=downloads/corel5k \
  --data_dir=data

Each set becomes a data set of its own, `image_annotation/corel5k` and so on: name it so in
--config.data.dataset. A part whose annotations are missing is left out with a line.
"""

from data_prep import prepare_command

if __name__ == "__main__":
    prepare_command.run("image_annotation")
