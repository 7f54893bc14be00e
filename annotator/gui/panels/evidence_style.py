"""The style sheet of the Vocabulary view's own widgets, from the theme's tokens."""

from __future__ import annotations

from annotator.gui import theme


def style_sheet() -> str:
    """For the view's root widget; made again whenever the theme changes."""
    t = theme.tokens()
    return f"""
    #pathEnd {{ color: {t.text}; }}
    #pathLink {{ color: {t.muted}; background: transparent; border: none; padding: 0; margin: 0;
        min-height: 0; text-align: left; }}
    #pathLink:hover {{ color: {t.accent}; text-decoration: underline; }}
    #pill {{ background: {t.raised}; color: {t.text}; border-radius: 11px; padding: 3px 9px; }}
    #lemmaPill {{ background: transparent; color: {t.text}; border: 1px solid {t.line};
        border-radius: 11px; padding: 2px 8px; }}
    #droppedPill {{ background: transparent; color: {t.muted}; border: 1px dashed {t.line};
        border-radius: 11px; padding: 2px 8px; }}
    #card:focus {{ border: 1px solid {t.accent}; }}
    #cardTitle {{ color: {t.text}; font-size: 14px; }}
    #card #pill {{ background: {t.panel}; }}
    #emptyTitle {{ color: {t.text}; font-size: 18px; font-weight: 600; }}
    #takenOffer {{ background: {t.panel}; border: 1px solid {t.accent}; border-radius: 6px; }}
    #key {{ color: {t.muted}; background: {t.panel}; border: 1px solid {t.line};
        border-radius: 4px; padding: 0 5px; font-size: 11px; }}
    #renameEditor {{ background: {t.panel}; color: {t.text}; border: 1px solid {t.accent};
        border-radius: 4px; padding: 0 4px; min-height: 0; }}
    #synsetTree, #targets, #history, #suggestions {{ background: transparent; border: none; }}
    """
