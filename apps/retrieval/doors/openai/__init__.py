"""The addresses below /v1/, which clients of OpenAI's API know: a knowledge base is a model that answers."""
