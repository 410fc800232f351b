"""Prepares a data set for training: shards, annotations, vocabulary, counts.

python -m data_prep.prepare --dataset=custom --raw_dir=pictures --data_dir=data
python -m data_prep.prepare --dataset=flickr30k --help

Each data set has flags of its own, which --dataset=NAME --help lists. Data sets:
custom, demo, coco_tags, nus_wide, coco_captions, flickr8k, flickr30k, iapr_tc12,
image_annotation.
"""

from data_prep import prepare_command

if __name__ == "__main__":
    prepare_command.run()
