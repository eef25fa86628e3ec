"""The page and the HTTP API: what the monitor knows, to be looked at. Extra `web`.

Plain pages that work without a script; each route file is found by being named in `ROUTES`.
"""
