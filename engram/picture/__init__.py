"""Pictures of boxes in columns and lines between them, as SVG and as a page; knows no memory."""
