r"""Trains the joint stage: CNN and decoder on L = Lu + Lr, after both others (Sec. 3.3, Fig. 2a).

Run from the checkout:
  python -m train.train_joint --experiment=demo_tags/s_cnn_rnn \
    --data_dir=data --workdir=runs/joint --unary=runs/unary --relational=runs/relational

Config fields are flags, such as --config.joint.learning_rate=1e-3; --help_config lists them.
The same command resumes.
"""

from train import stage_binary

if __name__ == "__main__":
    stage_binary.run("joint")
