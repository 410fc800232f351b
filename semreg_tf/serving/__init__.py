"""An HTTP server over exported models: TensorFlow Serving's REST form, metrics and a page."""
