"""The site: pages, live events and forms over a node, for a person with a browser.

See README.md beside this file for what happens to a request.
"""
