"""What of documents' texts is masked: a knowledge base's setting, the texts with masks, and the originals set aside."""
