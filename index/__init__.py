"""Products and an encoder bundle in, a searchable index bundle out; `index.engine` searches it."""
