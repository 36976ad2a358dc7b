"""What pages show, as plain frozen data: templates get nothing else.

Every page template gets `shell` (what all pages share) and `page` (the page's own model); a
partial gets the same two. All text is for people and unescaped: the templates escape it.
"""
