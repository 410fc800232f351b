"""Anyone's own pictures, annotated in one JSON Lines or CSV file."""
