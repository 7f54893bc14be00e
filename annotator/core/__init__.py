"""Pure types and rules: no SQL, no Qt, no torch."""
