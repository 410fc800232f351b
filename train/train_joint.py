r"""Trains everything on L = Lu + Lr, from the two earlier stages (Sec. 3.3, Fig. 2a).

Run from the checkout:
  python -m train.train_joint --experiment=demo_tags/s_cnn_rnn \
    --data_dir=data --workdir=runs/joint --unary=runs/unary --relational=runs/relational

Every field of the config is a flag, see --help_config: --config.joint.learning_rate=1e-3.
The same command resumes.
"""

from train import stage_binary

if __name__ == "__main__":
    stage_binary.run("joint")
