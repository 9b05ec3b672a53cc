"""The clock, the chance and the files of this machine."""
