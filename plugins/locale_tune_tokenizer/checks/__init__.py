"""What is promised about an extended tokenizer, and every way it is checked."""
