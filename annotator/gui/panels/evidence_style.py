"""The style sheet of the Vocabulary view's own widgets, from the theme's tokens."""

from __future__ import annotations

from annotator.gui import theme


def style_sheet() -> str:
    """For the view's root widget; made again whenever the theme changes."""
    t = theme.tokens()
    return f"""
    #column {{ background: {t.panel}; }}
    #vocabularyColumns::handle {{ background: {t.line}; }}
    #caption {{ color: {t.muted}; font-size: 12px; letter-spacing: 1px; }}
    #hint {{ color: {t.muted}; }}
    #pathEnd {{ color: {t.text}; }}
    #link {{ color: {t.muted}; background: transparent; border: none; padding: 0; margin: 0;
        min-height: 0; text-align: left; }}
    #link:hover {{ color: {t.accent}; text-decoration: underline; }}
    #chip {{ background: {t.raised}; color: {t.text}; border-radius: 11px; padding: 3px 9px; }}
    #lemmaChip {{ background: transparent; color: {t.text}; border: 1px solid {t.line};
        border-radius: 11px; padding: 2px 8px; }}
    #droppedChip {{ background: transparent; color: {t.muted}; border: 1px dashed {t.line};
        border-radius: 11px; padding: 2px 8px; }}
    #filterChip {{ background: {t.raised}; color: {t.muted}; border: none; border-radius: 10px;
        padding: 3px 9px; font-size: 12px; min-height: 0; }}
    #filterChip:hover {{ color: {t.text}; }}
    #filterChip:checked {{ background: {t.selected}; color: {t.text}; }}
    #card {{ background: {t.raised}; border: 1px solid {t.line}; border-radius: 8px; }}
    #card:focus {{ border: 1px solid {t.accent}; }}
    #cardTitle {{ color: {t.text}; font-size: 14px; }}
    #card #chip {{ background: {t.panel}; }}
    #takenOffer {{ background: {t.panel}; border: 1px solid {t.accent}; border-radius: 6px; }}
    #inlineError {{ color: {t.no}; }}
    #search {{ background: {t.raised}; color: {t.text}; border: 1px solid transparent;
        border-radius: 6px; padding: 0 8px; min-height: 30px; }}
    #search:focus, #mergeTarget:focus {{ border: 1px solid {t.accent}; }}
    #key {{ color: {t.muted}; background: {t.panel}; border: 1px solid {t.line};
        border-radius: 4px; padding: 0 5px; font-size: 11px; }}
    #mergeTarget {{ background: {t.raised}; color: {t.text}; border: 1px solid {t.line};
        border-radius: 6px; padding: 0 8px; min-height: 30px; }}
    #renameEditor {{ background: {t.panel}; color: {t.text}; border: 1px solid {t.accent};
        border-radius: 4px; padding: 0 4px; min-height: 0; }}
    #synsetTree, #targets, #history {{ background: transparent; border: none; }}
    """
