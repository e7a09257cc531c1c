"""Checkpoint in, encoder bundle out; `export.bundle` reads one with numpy and onnxruntime."""
