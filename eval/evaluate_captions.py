"""Scores a caption run by the COCO evaluation's metrics and its perplexity (Sec. 5.1).

  python -m eval.evaluate_captions --workdir=runs/joint --data_dir=data
  python -m eval.evaluate_captions --workdir=runs/joint --data_dir=data --out=runs/beam5 \
      --config.decoding.beam_width=5
  python -m eval.evaluate_captions --workdir=runs/joint --data_dir=data --rerank

Prints a table with 95 % intervals (bootstrap over images) and the paper's figures; writes
results.json, predictions.jsonl, pictures for the report and a results file for the COCO server
into the work directory or --out. Several work directories are evaluated as an ensemble:
probabilities are averaged at each step. A split without references needs --submission_split; it
gets captions and the file for the server, but no scores.
"""

from absl import flags

from cli import program, shared_flags
from semreg_tf import console
from semreg_tf.reporting import result_tables

_WORKDIRS = shared_flags.define_workdirs()
_DATA_DIR = shared_flags.define_data_dir()
_SPLIT = shared_flags.define_split()
_SUBMISSION = flags.DEFINE_string(
    "submission_split", None, "The COCO server's name of the split, such as val2014."
)
_METEOR = shared_flags.define_meteor()
_OVERRIDES = shared_flags.define_overrides("Changes the decoding or the reranking")
_OUT = shared_flags.define_out()
_TRUE_CONCEPTS = flags.DEFINE_bool(
    "true_concepts",
    False,
    "Feed the decoder the ground-truth concepts, for an upper bound; needs --out.",
)
_PICTURES = shared_flags.define_num_pictures()
_RERANK = flags.DEFINE_bool(
    "rerank",
    False,
    "Also rerank, by consensus with the captions of similar training images (m-RNN) or by weights "
    "fitted on the validation split; --config.reranking.field=value selects how.",
)


def main(_: list[str]) -> None:
    """Evaluates and prints."""
    with console.plain_errors():
        shared_flags.check_overrides(_WORKDIRS.value, _OVERRIDES.value)
        from semreg_tf.evaluation.runs.evaluate_run import evaluate_captions
        from semreg_tf.evaluation.runs.options import CaptionOptions
        from semreg_tf.metrics.caption_results import decoded_scores

        options = CaptionOptions(
            split=_SPLIT.value,
            overrides=_OVERRIDES.value,
            out=_OUT.value,
            num_pictures=_PICTURES.value,
            true_concepts=_TRUE_CONCEPTS.value,
            submission_split=_SUBMISSION.value,
            rerank=_RERANK.value,
            meteor=shared_flags.meteor_of(_METEOR),
        )
        results = evaluate_captions(_WORKDIRS.value, _DATA_DIR.value, options)
    print(f"{results['experiment']} on {results['num_images']} images of {results['split']}")
    if decoded_scores(results):
        print(console.table(*result_tables.caption_table(results)))
    for note in result_tables.notes(results):
        print(f"note: {note}")
    print(f"captions for the COCO server: {results['submission']}, beside results.json")


if __name__ == "__main__":
    program.run(main, stopped=shared_flags.STOPPED_EVALUATION)
