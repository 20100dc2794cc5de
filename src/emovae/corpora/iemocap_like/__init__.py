"""A tree like IEMOCAP's, made of synthetic voices: `emovae synthesize iemocap`."""

from emovae.corpora.iemocap_like.writing import MANNERS, RELEASE, heard, synthesize

__all__ = ["MANNERS", "RELEASE", "heard", "synthesize"]
