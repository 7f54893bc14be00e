"""Loops over images: Qt-free generators that yield Progress and can resume."""
