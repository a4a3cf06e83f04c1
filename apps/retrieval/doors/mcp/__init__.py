"""The door for agents: tools by the Model Context Protocol, at /mcp."""
