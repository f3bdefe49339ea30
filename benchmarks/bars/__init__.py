"""The bars of the promise: a module for each row of the table, all printed by promise.py."""
