"""Values that tell of a person or open a door, found in texts and replaced by stand-ins. Pure but for the optional names."""
