"""The data sets that can be prepared, by name."""

import importlib

from data_prep.options import DatasetOptions
from semreg_tf.name_hints import did_you_mean

_NAMES = (
    *("custom", "demo", "coco_tags", "nus_wide", "coco_captions", "flickr8k", "flickr30k"),
    *("iapr_tc12", "image_annotation"),
)
DATASETS: dict[str, DatasetOptions] = {
    name: importlib.import_module(f"data_prep.{name}.options").OPTIONS for name in _NAMES
}


def options_of(name: str) -> DatasetOptions:
    """Returns the options of a data set.

    Raises:
      ValueError: there is no data set of that name.
    """
    if name not in DATASETS:
        variants = {
            variant: f": it is --dataset={dataset} --variant={variant}."
            for dataset, options in DATASETS.items()
            for option in options.options
            if option.is_variant
            for variant in option.choices
        }
        hint = variants.get(name, did_you_mean(name, DATASETS))
        raise ValueError(
            f"`--dataset` must name a data set{hint} "
            f"Known: {', '.join(DATASETS)}. Received: --dataset={name}"
        )
    return DATASETS[name]
