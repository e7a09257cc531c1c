"""An index bundle in, HTTP answers out."""
