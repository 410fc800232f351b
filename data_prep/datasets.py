"""The data sets that can be prepared, by name."""

from data_prep.coco_captions.options import OPTIONS as COCO_CAPTIONS
from data_prep.coco_tags.options import OPTIONS as COCO_TAGS
from data_prep.custom.options import OPTIONS as CUSTOM
from data_prep.demo.options import OPTIONS as DEMO
from data_prep.flickr8k.options import OPTIONS as FLICKR8K
from data_prep.flickr30k.options import OPTIONS as FLICKR30K
from data_prep.iapr_tc12.options import OPTIONS as IAPR_TC12
from data_prep.image_annotation.options import OPTIONS as IMAGE_ANNOTATION
from data_prep.nus_wide.options import OPTIONS as NUS_WIDE
from data_prep.options import DatasetOptions
from semreg_tf.name_hints import did_you_mean

DATASETS = {
    options.name: options
    for options in (
        CUSTOM,
        DEMO,
        COCO_TAGS,
        NUS_WIDE,
        COCO_CAPTIONS,
        FLICKR8K,
        FLICKR30K,
        IAPR_TC12,
        IMAGE_ANNOTATION,
    )
}


def options_of(name: str) -> DatasetOptions:
    """Returns the options of a data set.

    Raises:
      ValueError: there is no data set of that name.
    """
    if name not in DATASETS:
        raise ValueError(
            f"`--dataset` must name a data set{did_you_mean(name, DATASETS)} "
            f"Known: {', '.join(DATASETS)}. Received: --dataset={name}"
        )
    return DATASETS[name]
