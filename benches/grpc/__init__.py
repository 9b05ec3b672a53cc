"""The gRPC interface beside a bare echo of the same sizes, and beside the library."""
