r"""Trains the relational stage: the decoder on true concepts, no image (Sec. 3.3, Fig. 2c).

Run from the checkout:
  python -m train.train_relational --experiment=demo_tags/s_cnn_rnn \
    --data_dir=data --workdir=runs/relational

Config fields are flags, such as --config.relational.learning_rate=1e-3; --help_config lists them.
The same command resumes.
"""

from train import stage_binary

if __name__ == "__main__":
    stage_binary.run("relational")
