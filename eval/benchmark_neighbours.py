"""Times the search of neighbours by user tags over as many pictures and tags as NUS-WIDE has.

The tags are drawn: a Poisson number of draws a picture, 7 on average, of 5,000 tags whose odds fall
as 1 / rank (Zipf), each counted once a picture. That is harder than real tags, of which the most
frequent is on fewer pictures: here on half of them.

    python -m eval.benchmark --part=neighbours
"""

import resource
import time

import numpy as np
from tqdm import tqdm

from semreg_tf.data.tag_neighbours import TagSets, nearest_by_tags

NUM_PICTURES, NUM_TAGS, MEAN_DRAWS, COUNT = 200_000, 5_000, 7, 6


def drawn_tags(num_pictures: int = NUM_PICTURES, num_tags: int = NUM_TAGS) -> TagSets:
    """Returns drawn user tags."""
    rng = np.random.default_rng(0)
    shares = 1 / np.arange(1, num_tags + 1)
    bounds = np.cumsum(shares / shares.sum())
    owners = np.repeat(np.arange(num_pictures), rng.poisson(MEAN_DRAWS, num_pictures))
    tags = np.minimum(np.searchsorted(bounds, rng.random(len(owners))), num_tags - 1)
    # Each once a picture, in the order of the pictures.
    pairs = np.unique(owners * num_tags + tags)
    splits = np.searchsorted(pairs, np.arange(num_pictures + 1) * num_tags)
    image_ids = np.arange(num_pictures).astype(str).astype(object)
    return TagSets(image_ids, (pairs % num_tags).astype(np.int32), splits, num_tags)


def run(num_pictures: int = NUM_PICTURES) -> dict[str, float]:
    """Finds all pictures' neighbours, prints and returns minutes and the peak of memory in MiB."""
    images = drawn_tags(num_pictures)
    before = time.perf_counter()
    with tqdm(total=num_pictures, unit="picture", desc="tag neighbours") as bar:
        for found in nearest_by_tags(images, images, COUNT):
            bar.update(len(found))
    minutes = (time.perf_counter() - before) / 60
    # Of the whole process, TensorFlow among it.
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{COUNT} neighbours of {num_pictures:,} pictures, {len(images.ids) / num_pictures:.1f} "
        f"tags each: {minutes:.1f} minutes, peak memory {peak_mib:,.0f} MiB"
    )
    return {"minutes": minutes, "peak_mib": peak_mib}
