"""What every room may use and knows nothing of measuring: files, codecs, owners, redaction, units, figures in words."""
