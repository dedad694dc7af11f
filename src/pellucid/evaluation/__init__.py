"""From models and images to tables, figures and the report. What is judged are ``.onnx`` files."""
