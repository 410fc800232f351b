"""Draws the demo data set: 2,000 scenes with captions, labels and user tags; no download.

python -m data_prep.prepare_demo --data_dir=data
"""

from data_prep import prepare_command

if __name__ == "__main__":
    prepare_command.run("demo")
