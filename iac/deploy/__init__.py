"""Brings a stage to AWS and takes it down again: `make deploy`, `make destroy`."""
