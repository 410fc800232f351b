"""Semantic Regularisation for Recurrent Image Annotation (Liu et al., CVPR 2017)."""
