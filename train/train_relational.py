r"""Trains the decoder on ground-truth sequences and concepts, no image (Sec. 3.3, Fig. 2c).

Run from the checkout:
  python -m train.train_relational --experiment=demo_tags/s_cnn_rnn \
    --data_dir=data --workdir=runs/relational

Every field of the config is a flag, see --help_config: --config.relational.learning_rate=1e-3.
The same command resumes.
"""

from train import stage_binary

if __name__ == "__main__":
    stage_binary.run("relational")
