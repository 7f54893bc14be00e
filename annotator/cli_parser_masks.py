"""The words of the commands that look into the pixels."""
