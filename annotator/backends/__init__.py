"""Models behind roles: the only room with torch, transformers and HTTP."""
