"""Hot loops behind one Protocol: plain Python (the meaning), numpy and Zig."""
