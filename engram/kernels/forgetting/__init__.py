"""What time leaves of memories, by column: contract, checks, meaning, numpy and Zig."""
