"""The few rules of the Images view that the window's style sheet does not have."""

from __future__ import annotations

from annotator.gui.theme import Tokens


def style_sheet(t: Tokens, around: str) -> str:
    """For the view and everything in it. ``around``: the colour around the image."""
    return f"""
QWidget#column, QScrollArea, QScrollArea > QWidget > QWidget {{ background: {t.panel}; }}
QWidget#canvasColumn {{ background: {around}; }}
QFrame#canvasBar {{ background: {t.panel}; border: 1px solid {t.line}; border-radius: 8px; }}
QFrame#findBar {{ background: {t.panel}; border: none; border-bottom: 1px solid {t.line}; }}
QFrame#findBar QScrollArea, QFrame#findBar QScrollArea > QWidget > QWidget {{
  background: {t.panel}; }}
QPushButton#chip[good="true"] {{ color: {t.yes}; }}
QPushButton#chip[good="true"]:checked {{ color: {t.text}; }}
QWidget#verdictBar {{ border-bottom: 1px solid {t.line}; }}
QWidget#wordEntry {{ border-bottom: 1px solid {t.line}; }}
QLabel#keyHint {{ color: {t.muted}; border: 1px solid {t.line}; border-radius: 4px;
  font-size: 11px; background: {t.panel}; }}
QLabel#number {{ color: {t.text}; }}
QLineEdit#filterBox {{ padding: 6px 8px; }}
QLineEdit#wordBox {{ background: transparent; border: none; padding: 4px 0; }}
QPushButton#linkButton {{ background: transparent; border: none; color: {t.muted};
  padding: 7px 12px; text-align: left; font-size: 12px; }}
QPushButton#linkButton:hover, QPushButton#linkButton:focus {{ color: {t.accent}; }}
"""
