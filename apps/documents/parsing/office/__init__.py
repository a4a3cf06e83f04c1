"""Word processing, slides and sheets: OOXML, OpenDocument, RTF."""
