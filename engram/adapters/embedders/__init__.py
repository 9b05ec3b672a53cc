"""Embedders: the offline default, the ONNX model, and any OpenAI-compatible endpoint."""
