"""Hypothesis without deadlines: a busy machine is no defect."""

from hypothesis import settings

settings.register_profile("annotator", deadline=None)
settings.load_profile("annotator")
