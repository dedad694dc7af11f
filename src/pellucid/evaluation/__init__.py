"""From models and pictures to tables, figures and the report. What is judged are ``.onnx`` files."""
