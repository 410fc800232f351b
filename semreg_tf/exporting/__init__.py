"""Parts of an exported model: signatures, stored weights, picture decoding and the model card."""
