"""Scores retrieval with a caption run: images for a sentence, sentences for an image (m-RNN).

  python -m eval.evaluate_retrieval --workdir=runs/joint --data_dir=data
  python -m eval.evaluate_retrieval --workdir=runs/joint --data_dir=data \
      --num_images=200 --num_sentences=1000 --bfloat16

Prints R@1, R@5, R@10 and the median rank in both directions, beside chance; writes retrieval.json.
Every image is scored with every sentence, so the time grows with their product; after an
interruption the same command resumes. Several work directories are evaluated as an ensemble.
"""

from typing import Any

from absl import flags

from cli import program, shared_flags
from semreg_tf import console

_WORKDIRS = shared_flags.define_workdirs()
_DATA_DIR = shared_flags.define_data_dir()
_SPLIT = shared_flags.define_split()
_IMAGES = flags.DEFINE_integer(
    "num_images", None, "Number of images, the first of the split. [all]"
)
_SENTENCES = flags.DEFINE_integer(
    "num_sentences",
    None,
    "Number of captions: the first of each image, then the second of each, and so on. [all]",
)
_MARGINAL = flags.DEFINE_integer(
    "marginal_images",
    100,
    "Number of training images over which P(w), the normaliser of sentences, is averaged.",
)
_BFLOAT16 = flags.DEFINE_bool(
    "bfloat16", False, "Compute word scores in bfloat16: faster, less exact."
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the sample of training images.")
_OUT = shared_flags.define_out()
_COLUMNS = ("R@1", "R@5", "R@10", "median_rank", "num_queries", "num_candidates")


def row(name: str, figures: dict[str, Any]) -> list[str]:
    """Returns a row of the table, with recalls in percent."""
    recalls = [f"{100 * figures[c]:.2f}" for c in _COLUMNS[:3]]
    return [
        name,
        *recalls,
        f"{figures['median_rank']:g}",
        *(f"{figures[c]:,}" for c in _COLUMNS[4:]),
    ]


def main(_: list[str]) -> None:
    """Evaluates and prints."""
    with console.plain_errors():
        from semreg_tf.evaluation.retrieval_evaluator import RetrievalEvaluator
        from semreg_tf.evaluation.runs.evaluate_retrieval import evaluate_retrieval

        evaluator = RetrievalEvaluator(
            num_images=_IMAGES.value,
            num_sentences=_SENTENCES.value,
            marginal_images=_MARGINAL.value,
            bfloat16_output=_BFLOAT16.value,
            seed=_SEED.value,
        )
        results = evaluate_retrieval(
            _WORKDIRS.value, _DATA_DIR.value, evaluator, _SPLIT.value, _OUT.value
        )
    part = "all of" if results["whole_split"] else "a part of"
    print(
        f"{results['experiment']}: {results['num_images']:,} images and "
        f"{results['num_sentences']:,} sentences, {part} {results['split']}; recalls in percent"
    )
    rows = [row(name, figures) for name, figures in results["retrieval"].items()]
    rows += [row(f"chance, {name}", figures) for name, figures in results["chance"].items()]
    print(console.table(["retrieved", *(c.replace("_", " ") for c in _COLUMNS)], rows))
    print(
        f"{results['elapsed_secs']:,.0f} s in {results['precision']}; "
        f"{results['rows_an_image']:,} rows per image for "
        f"{results['words_of_sentences']:,} words; "
        f"P(w) over {results['marginal_images']} training images"
    )


if __name__ == "__main__":
    program.run(
        main, stopped="Stopped; the images scored so far are saved; the same command resumes."
    )
