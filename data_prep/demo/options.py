"""The preparation of the demo data set, which has no options of its own."""

from data_prep.options import DatasetOptions

OPTIONS = DatasetOptions("demo", "2,000 drawn scenes with captions, labels and user tags")
