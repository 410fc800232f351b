"""The contract in the middle: the keys of a batch, named once and used by name everywhere.

| key | shape, dtype | meaning |
|---|---|---|
| `image` | (batch, height, width, 3) float32 | as the encoder expects |
| `concepts` | (batch, num_concepts) float32, 0/1 | ground truth s |
| `user_tags` | (batch, num_user_tags) float32, 0/1 | only with side information |
| `features` | (batch, d) or of crops (batch, crops, d) float32 | a frozen encoder's output |
| `spatial_features` | (batch, cells, d) float32 | its map, where the decoder reads it |
| `groups` | (batch, num_groups) float32, 0/1 | folders or groups, only with `data.num_groups` |
| `neighbour_features` | (batch, neighbours, d) float32 | of the pictures of like user tags |
| `neighbour_mask` | (batch, neighbours) bool | true on neighbours that are there |
| `input_ids` | (batch, captions, time) int32 | START a1 a2 ... (tags: captions = 1) |
| `target_ids` | (batch, captions, time) int32 | a1 a2 ... END |
| `padding_mask` | (batch, captions, time) bool | true on real targets |
| `image_id` | (batch,) string | joins predictions to references |

Where a captioner lists labels as well, `label_concepts`, `label_input_ids`, `label_target_ids` and
`label_padding_mask` are the same of the labels.

Each stage declares the keys it needs; the pipeline makes no others. Padded positions of
`input_ids` and `target_ids` hold END; only the mask says that they are padding.
"""

IMAGE = "image"
CONCEPTS = "concepts"
USER_TAGS = "user_tags"
FEATURES = "features"
SPATIAL_FEATURES = "spatial_features"
GROUPS = "groups"
NEIGHBOUR_FEATURES = "neighbour_features"
NEIGHBOUR_MASK = "neighbour_mask"
INPUT_IDS = "input_ids"
TARGET_IDS = "target_ids"
PADDING_MASK = "padding_mask"
IMAGE_ID = "image_id"

SEQUENCE_KEYS = (INPUT_IDS, TARGET_IDS, PADDING_MASK)
# What the labels beside captions are read from, and the beginning of their names in a batch.
LABEL_KEYS = (CONCEPTS, *SEQUENCE_KEYS)
LABEL_PREFIX = "label_"
ALL_KEYS = (
    IMAGE,
    CONCEPTS,
    USER_TAGS,
    FEATURES,
    SPATIAL_FEATURES,
    GROUPS,
    NEIGHBOUR_FEATURES,
    NEIGHBOUR_MASK,
    *SEQUENCE_KEYS,
    IMAGE_ID,
)
