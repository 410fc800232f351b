r"""Trains the unary stage: CNN and concept head on ground-truth concepts (Sec. 3.3, Fig. 2b).

Run from the checkout:
  python -m train.train_unary --experiment=demo_tags/s_cnn_rnn \
    --data_dir=data --workdir=runs/unary

Config fields are flags, such as --config.unary.learning_rate=1e-3; --help_config lists them.
The same command resumes.
"""

from train import stage_binary

if __name__ == "__main__":
    stage_binary.run("unary")
