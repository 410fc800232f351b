#!/usr/bin/env bash
# The whole way on drawn scenes: bash train/demo.sh PYTHON OUT [SEED]
# Unary and relational training need nothing of each other, so they run side by side (Fig. 2).
set -euo pipefail
source "$(dirname "$0")/stoppable.sh"
python=$1 out=$2 seed=${3:-0}
say() { printf '\n== %s\n' "$*"; }

say "1/5 Drawing scenes with labels, captions and user tags"
run "$python" -m data_prep.prepare_demo "--data_dir=$out/data"
number=2
for task in tags captions; do
  say "$number/5 Training on $task: unary and relational side by side, then joint"
  folder="$out/$task"
  mkdir -p "$folder"
  stage=("--experiment=demo_$task/s_cnn_rnn" "--data_dir=$out/data" "--seed=$seed")
  "$python" -m train.train_relational "${stage[@]}" "--workdir=$folder/relational" \
    >"$folder/relational.log" 2>&1 &
  relational=$!
  run "$python" -m train.train_unary "${stage[@]}" "--workdir=$folder/unary"
  wait $relational || { tail -n 5 "$folder/relational.log"; exit 1; }
  run "$python" -m train.train_joint "${stage[@]}" "--workdir=$folder/joint" \
    "--unary=$folder/unary" "--relational=$folder/relational"
  number=$((number + 1))
done
say "4/5 Evaluating on held-out scenes"
run "$python" -m eval.evaluate_tags "--workdir=$out/tags/joint" "--cnn=$out/tags/unary" \
  "--data_dir=$out/data"
run "$python" -m eval.evaluate_captions "--workdir=$out/captions/joint" "--data_dir=$out/data" \
  --meteor=no
say "5/5 Exporting the captioner, annotating a picture with it, writing the report"
run "$python" -m eval.export_model "--workdir=$out/captions/joint" "--out=$out/export"
run "$python" -m eval.annotate_images "--model=$out/export" \
  "$out/captions/joint/pictures/test-00000.jpg" "$out/captions/joint/pictures/test-00001.jpg"
run "$python" -m eval.report "--workdir=$out/tags/joint" "--workdir=$out/captions/joint" \
  "--workdir=$out/tags/unary" "--workdir=$out/tags/relational" \
  "--workdir=$out/captions/unary" "--workdir=$out/captions/relational" "--out=$out/report.html"
