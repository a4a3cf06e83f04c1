"""Runs models in this process. Only here are torch and transformers imported; `tokenizer` needs neither."""
