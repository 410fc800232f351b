"""Reads COCO's captions of 2014 into shards and prints the counts.

python -m data_prep.prepare_coco_captions --raw_dir=downloads/coco --data_dir=data

Karpathy's splits become another data set, `coco_captions/karpathy`: add --splits=karpathy, and
--config.data.dataset=coco_captions/karpathy in training.
"""

from data_prep import prepare_command

if __name__ == "__main__":
    prepare_command.run("coco_captions")
