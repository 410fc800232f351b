"""The functional Keras models: encoder, concept head, conditioning, decoder, annotator."""
