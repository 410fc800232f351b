"""Scores a caption run by the COCO evaluation's metrics and its perplexity (Sec. 5.1).

  python -m eval.evaluate_captions --workdir=runs/joint --data_dir=data
  python -m eval.evaluate_captions --workdir=runs/joint --data_dir=data --out=runs/beam5 \
      --config.decoding.beam_width=5
  python -m eval.evaluate_captions --workdir=runs/joint --data_dir=data --rerank

Prints a table with 95 % intervals (bootstrap over images) and the paper's figures; writes
results.json, predictions.jsonl, pictures for the report and the file that the COCO server takes
into the work directory or --out. Several work directories are an ensemble: probabilities are
averaged at each step. A split without references is refused, but with --submission_split: then it
gets its captions and the file for the server, and no scores.
"""

import sys

from absl import app, flags

from semreg_tf import config_io, console
from semreg_tf.reporting import result_tables
from semreg_tf.training.evaluate_run import NUM_PICTURES, evaluate_captions

_WORKDIRS = flags.DEFINE_multi_string(
    "workdir", None, "Work directory of the run; several are an ensemble.", required=True
)
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of prepared data sets.", required=True)
_SPLIT = flags.DEFINE_string("split", None, "The split; the config's test split if not given.")
_SUBMISSION = flags.DEFINE_string(
    "submission_split", None, "The split as the COCO server names it, such as val2014."
)
_METEOR = flags.DEFINE_enum(
    "meteor", "auto", ["auto", "yes", "no"], "METEOR needs Java; auto: where it is found."
)
_OVERRIDES = flags.DEFINE_multi_string(
    "config", [], "Another decoding or reranking, as --config.decoding.field=value; repeatable."
)
_OUT = flags.DEFINE_string("out", None, "Folder of the results; the (first) --workdir if none.")
_TRUE_CONCEPTS = flags.DEFINE_bool(
    "true_concepts", False, "Feed the decoder the true concepts, its ceiling; needs --out."
)
_PICTURES = flags.DEFINE_integer(
    "num_pictures", NUM_PICTURES, "Pictures kept besides the best and the worst; 0: none.", 0
)
_RERANK = flags.DEFINE_bool(
    "rerank",
    False,
    "Also rerank by consensus with the captions of like training images (m-RNN), as "
    "--config.reranking.field=value says.",
)


def main(_: list[str]) -> None:
    """Evaluates and prints."""
    with console.plain_errors():
        results = evaluate_captions(
            _WORKDIRS.value,
            _DATA_DIR.value,
            _SPLIT.value,
            num_pictures=_PICTURES.value,
            overrides=_OVERRIDES.value,
            out=_OUT.value,
            true_concepts=_TRUE_CONCEPTS.value,
            submission_split=_SUBMISSION.value,
            rerank=_RERANK.value,
            meteor={"auto": "auto", "yes": True, "no": False}[_METEOR.value],
        )
    print(f"{results['experiment']} on {results['num_images']} images of {results['split']}")
    if results["captions"]:
        print(console.table(*result_tables.caption_table(results)))
    for note in result_tables.notes(results):
        print(f"note: {note}")
    print(f"captions for the COCO server: {results['submission']}, beside results.json")


if __name__ == "__main__":
    app.run(main, argv=config_io.override_flags(sys.argv))
