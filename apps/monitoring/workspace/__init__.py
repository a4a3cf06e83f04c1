"""The pages that a knowledge base is worked with on: one frame, and a tab for each thing that people do there."""
