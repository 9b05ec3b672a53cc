"""The gRPC interface: package engram.v1 of `engram/v1/engram.proto`."""
