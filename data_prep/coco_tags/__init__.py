"""The 80 object classes of COCO as labels, and Flickr user tags for them."""
