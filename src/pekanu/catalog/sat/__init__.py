"""Formulas in conjunctive normal form: the first model, or that there is none."""
