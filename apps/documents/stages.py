"""The names of the stages a version passes, for those who ring for one. The table of what they do is in workers/stages.py."""

PARSE = "parse"
CHUNK = "chunk"
EMBED = "embed"
ACTIVATE = "activate"
