"""Corel-5k, ESP Game and IAPR TC-12 as sets of labelled pictures."""
