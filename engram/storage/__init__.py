"""Files that hold a space beside its log: blocking, over the Filesystem port, without a loop."""
