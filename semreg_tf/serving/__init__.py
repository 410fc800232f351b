"""An HTTP server for exported models: TensorFlow Serving's REST API, metrics and a web page."""
