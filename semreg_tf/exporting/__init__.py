"""What an exported model is made of: folded weights, decoding that survives bad files, a card."""
