"""What a server says about itself: lines of text or JSON on standard error."""
