"""Whether quotations bear out a claim: by words alone, with weights that were learned (ADR 48). Pure; no model is asked."""
