"""Reads Flickr8k's official files into shards and prints the counts.

python -m data_prep.prepare_flickr8k --raw_dir=downloads/flickr8k --data_dir=data
"""

from data_prep import prepare_command

if __name__ == "__main__":
    prepare_command.run("flickr8k")
