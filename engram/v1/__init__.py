"""The protocol of the gRPC interface: `engram.proto`, and what protoc makes of it.

The folder is named as protobuf wants it for the package engram.v1. `python -m tests.grpc_stubs`
makes the stubs anew.
"""
