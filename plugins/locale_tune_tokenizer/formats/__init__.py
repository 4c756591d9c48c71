"""How tokenizers are written down: the two styles of BPE, their files, their pre-tokenizers."""
