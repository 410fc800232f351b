"""Options of the preparation of Flickr8k."""

from data_prep.options import TOKENIZER, DatasetOptions

OPTIONS = DatasetOptions(
    "flickr8k",
    "Flickr8k's official files: captions",
    "Unpack Flickr8k_text.zip and Flickr8k_Dataset.zip into one folder, so that it holds "
    "Flickr8k.token.txt, Flickr_8k.trainImages.txt, Flickr_8k.devImages.txt, "
    "Flickr_8k.testImages.txt and Flicker8k_Dataset/.",
    (TOKENIZER,),
)
