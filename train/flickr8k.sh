#!/usr/bin/env bash
# Captions on Flickr8k, every step: bash train/flickr8k.sh PYTHON RAW_DIR OUT CNN_FLAG...
# The flags name the CNN (--encoder=efficientnet_lite0) or its weights; the later stages take it
# from the unary one. Each step resumes or skips what an earlier start finished.
set -euo pipefail
source "$(dirname "$0")/stoppable.sh"
python=$1 raw=$2 out=$3
cnn=("${@:4}")
stage=(--experiment=flickr8k_captions/s_cnn_rnn_fix "--data_dir=$out/data")
run "$python" -m data_prep.prepare_flickr8k "--raw_dir=$raw" "--data_dir=$out/data"
run "$python" -m train.train_unary "${stage[@]}" "${cnn[@]}" "--workdir=$out/unary"
run "$python" -m train.train_relational "${stage[@]}" "--workdir=$out/relational"
run "$python" -m train.train_joint "${stage[@]}" "--workdir=$out/joint" \
  "--unary=$out/unary" "--relational=$out/relational"
run "$python" -m eval.evaluate_captions "--workdir=$out/joint" "--data_dir=$out/data"
run "$python" -m eval.export_model "--workdir=$out/joint" "--out=$out/export"
run "$python" -m eval.report "--workdir=$out/joint" "--workdir=$out/relational" \
  "--workdir=$out/unary" "--out=$out/report.html"
