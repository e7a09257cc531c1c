"""One loss a module: each a pure function of tensors, proven against plain loops in the tests."""
