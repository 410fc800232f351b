"""Reads COCO's object classes as labels into shards and prints the counts.

python -m data_prep.prepare_coco_tags --raw_dir=downloads/coco --data_dir=data

With the user tags of fetch_flickr_tags, add --user_tags_file=downloads/coco/user_tags.jsonl. The
variants become data sets of their own, `coco_tags/2017` and `coco_tags/coco128`: name them so in
--config.data.dataset. coco128 has no split but train.
"""

from data_prep import prepare_command

if __name__ == "__main__":
    prepare_command.run("coco_tags")
