"""From models and images to tables, figures and the report. They evaluate ``.onnx`` files."""
