"""Reads Flickr30k's official files into shards and prints the counts.

python -m data_prep.prepare_flickr30k --raw_dir=downloads/flickr30k --data_dir=data

Other splits become data sets of their own, `flickr30k/karpathy` and `flickr30k/lists`: add
--splits, and name them so in --config.data.dataset.
"""

from data_prep import prepare_command

if __name__ == "__main__":
    prepare_command.run("flickr30k")
