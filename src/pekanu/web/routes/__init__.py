"""The site's routes, one module a part; each gets a viewer and answers with a template.

What is not here: models (`*_pages`) and their words.
"""
