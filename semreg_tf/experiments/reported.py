"""The figures the papers print, as data: Tables 1 to 4 and m-RNN's, each with its source.

`lookup(Config.table_row)` finds the row an experiment stands for.
"""

import dataclasses

PAPER = (
    "Liu, Xiang, Hospedales, Yang, Sun: Semantic Regularisation for Recurrent Image Annotation, "
    "CVPR 2017"
)
MRNN = (
    "Mao, Xu, Yang, Wang, Huang, Yuille: Deep Captioning with Multimodal Recurrent Neural "
    "Networks (m-RNN), ICLR 2015"
)
TAG_COLUMNS = ("C-R", "C-P", "C-F1", "O-R", "O-P", "O-F1")


@dataclasses.dataclass(frozen=True)
class ReportedTable:
    """One printed table.

    Attributes:
      name: how `Config.table_row` calls it, such as "Table 1".
      title: what it shows.
      source: the paper.
      dataset: `DataConfig.dataset` of the runs that may be held against it.
      split: the split of those runs that has the images behind the figures.
      task: "tags" or "captions".
      evaluated_on: the images behind the figures.
      percent: whether figures are percent; otherwise as the metric gives them.
      decimals: of the printed figures.
      columns: metrics, under the names of `results.json`.
      rows: system -> figures, in the order of `columns`.
      marks: system -> a mark printed beside it.
      ranks: system -> places among the submissions of the day, in the order of `columns`.
      note: what a reader of the figures should know.
    """

    name: str
    title: str
    source: str
    dataset: str
    split: str
    task: str
    evaluated_on: str
    percent: bool
    decimals: int
    columns: tuple[str, ...]
    rows: dict[str, tuple[float, ...]]
    marks: dict[str, str] = dataclasses.field(default_factory=dict)
    ranks: dict[str, tuple[int, ...]] = dataclasses.field(default_factory=dict)
    note: str = ""

    def figures(self, system: str) -> dict[str, float]:
        """Returns a row's figures by metric.

        Raises:
          ValueError: the table has no such row; its rows are listed.
        """
        if system not in self.rows:
            raise ValueError(
                f"`system` must be a row of {self.name}: {', '.join(self.rows)}. "
                f"Received: system={system!r}"
            )
        return dict(zip(self.columns, self.rows[system], strict=True))


TABLE_1 = ReportedTable(
    name="Table 1",
    title="Multi-label classification on NUS-WIDE",
    source=PAPER,
    dataset="nus_wide",
    split="test",
    task="tags",
    evaluated_on="59,347 test images",
    percent=True,
    decimals=2,
    columns=TAG_COLUMNS,
    rows={
        "CNN+logistic": (45.03, 45.60, 45.31, 70.77, 51.32, 59.50),
        "CNN+Softmax": (31.22, 31.68, 31.45, 59.52, 47.82, 53.03),
        "CNN+WARP": (35.60, 31.65, 33.51, 60.49, 48.59, 53.89),
        "CNN-RNN": (30.40, 40.50, 34.70, 61.70, 49.90, 55.20),
        "RIA": (43.62, 52.92, 47.82, 66.75, 68.98, 67.85),
        "TagNeighbour": (57.30, 54.74, 55.99, 75.10, 53.46, 62.46),
        "SINN": (60.63, 58.30, 59.44, 79.12, 57.05, 66.30),
        "Ours": (50.17, 55.65, 52.77, 71.35, 70.57, 70.96),
        "Ours+Tag1K Fix": (58.52, 63.51, 60.91, 77.33, 76.21, 76.77),
        "Ours+Tag1K": (61.73, 71.73, 66.36, 76.88, 77.41, 77.15),
    },
    marks=dict.fromkeys(("TagNeighbour", "SINN", "Ours+Tag1K Fix", "Ours+Tag1K"), "†"),
    note="† uses side information (user tags).",
)

TABLE_2 = ReportedTable(
    name="Table 2",
    title="Multi-label classification on Microsoft COCO",
    source=PAPER,
    dataset="coco_tags",
    split="validation",
    task="tags",
    evaluated_on="40,504 images of val2014",
    percent=True,
    decimals=2,
    columns=TAG_COLUMNS,
    rows={
        "CNN+logistic": (58.60, 59.30, 58.90, 65.00, 61.70, 63.30),
        "CNN+Softmax": (59.00, 57.00, 58.00, 60.20, 62.10, 61.10),
        "CNN+WARP": (59.30, 52.50, 55.70, 59.80, 61.40, 60.70),
        "CNN-RNN": (55.60, 66.00, 60.40, 66.40, 69.20, 67.80),
        "RIA": (54.07, 64.32, 58.75, 64.57, 74.20, 69.05),
        "Ours": (59.83, 67.40, 63.39, 68.73, 76.63, 72.47),
        "Ours+Tag1K": (63.13, 71.38, 67.00, 73.05, 77.41, 75.16),
    },
    marks={"Ours+Tag1K": "†"},
    note="† uses side information (user tags).",
)

# fmt: off
_TABLE_3_ROWS = {
    "MSRCap": (0.715, 0.907, 0.543, 0.819, 0.407, 0.710, 0.308,
               0.601, 0.248, 0.339, 0.526, 0.680, 0.931, 0.937),
    "mRNN": (0.716, 0.890, 0.545, 0.798, 0.404, 0.687, 0.299,
             0.575, 0.242, 0.325, 0.521, 0.666, 0.917, 0.935),
    "V2L": (0.725, 0.892, 0.556, 0.803, 0.414, 0.694, 0.306,
            0.582, 0.246, 0.329, 0.528, 0.672, 0.911, 0.924),
    "NICv2": (0.713, 0.895, 0.542, 0.802, 0.407, 0.694, 0.309,
              0.587, 0.254, 0.346, 0.530, 0.682, 0.943, 0.946),
    "ATT": (0.731, 0.900, 0.565, 0.815, 0.424, 0.709, 0.316,
            0.599, 0.250, 0.335, 0.535, 0.682, 0.943, 0.958),
    "Ours": (0.743, 0.917, 0.578, 0.840, 0.434, 0.735, 0.323,
             0.621, 0.255, 0.343, 0.540, 0.691, 0.986, 1.002),
}
_TABLE_3_RANKS = {
    "MSRCap": (20, 8, 19, 9, 19, 10, 16, 10, 16, 11, 19, 14, 15, 16),
    "mRNN": (18, 20, 18, 20, 20, 20, 21, 20, 26, 25, 23, 24, 18, 17),
    "V2L": (10, 18, 11, 17, 14, 17, 18, 18, 19, 21, 16, 18, 20, 20),
    "NICv2": (21, 17, 21, 18, 18, 18, 15, 16, 8, 6, 15, 11, 12, 14),
    "ATT": (9, 14, 9, 11, 8, 11, 9, 11, 13, 17, 8, 12, 11, 11),
    "Ours": (5, 4, 5, 4, 6, 5, 6, 5, 7, 7, 6, 5, 6, 5),
}
# fmt: on

TABLE_3 = ReportedTable(
    name="Table 3",
    title="Captioning on the official MS-COCO testing server",
    source=PAPER,
    dataset="coco_captions",
    split="test",
    task="captions",
    evaluated_on="test2014, whose references are hidden: c5 and c40 are 5 and 40 of them",
    percent=False,
    decimals=3,
    columns=tuple(
        f"{metric}/{references}"
        for metric in ("BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "METEOR", "ROUGE-L", "CIDEr")
        for references in ("c5", "c40")
    ),
    rows=_TABLE_3_ROWS,
    ranks=_TABLE_3_RANKS,
    note="Only the server can score test2014, so a work directory has no figures to set here.",
)

TABLE_4 = ReportedTable(
    name="Table 4",
    title="Ablation study of captioning on the COCO validation set split",
    source=PAPER,
    dataset="coco_captions",
    split="test",
    task="captions",
    evaluated_on="4,051 held-out images of val2014",
    percent=False,
    decimals=3,
    columns=("CIDEr", "METEOR", "ROUGE-L", "BLEU-4"),
    rows={
        "NIC-F": (0.932, 0.247, 0.524, 0.297),
        "NIC-deeply": (1.006, 0.258, 0.543, 0.323),
        "Ours": (1.054, 0.260, 0.550, 0.340),
    },
)

MRNN_FLICKR8K = ReportedTable(
    name="m-RNN on Flickr8k",
    title="m-RNN with AlexNet features on Flickr8k",
    source=MRNN,
    dataset="flickr8k",
    split="test",
    task="captions",
    evaluated_on="1,000 test images",
    percent=False,
    decimals=3,
    columns=("perplexity", "BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4"),
    rows={"m-RNN (AlexNet)": (24.39, 0.565, 0.386, 0.256, 0.170)},
    note="Perplexities compare at one vocabulary only.",
)

MRNN_IAPR_TC12 = ReportedTable(
    name="m-RNN on IAPR TC-12",
    title="m-RNN, retrieval on IAPR TC-12",
    source=MRNN,
    dataset="iapr_tc12",
    split="test",
    task="captions",
    evaluated_on="the test split",
    percent=True,
    decimals=1,
    columns=("sentence retrieval R@1", "image retrieval R@1"),
    rows={"m-RNN": (20.9, 13.2)},
)

TABLES = {
    table.name: table
    for table in (TABLE_1, TABLE_2, TABLE_3, TABLE_4, MRNN_FLICKR8K, MRNN_IAPR_TC12)
}


def lookup(table_row: str | None) -> tuple[ReportedTable, str] | None:
    """Returns the table and the row's name that an experiment stands for.

    Args:
      table_row: `Config.table_row`: a table, a colon, a row; what follows a comma names a reading
        of the row.

    Returns:
      The table and the name of its row, or None where the papers print no figures.

    Example:
      >>> table, system = lookup("Table 4: NIC-F, Fig. 1(a)")
      >>> table.name, system, table.figures(system)["CIDEr"]
      ('Table 4', 'NIC-F', 0.932)
    """
    name, _, row = (table_row or "").partition(": ")
    row = row.partition(", ")[0]
    table = TABLES.get(name)
    if table is None or row not in table.rows:
        return None
    return table, row
