"""The words of the gateway's pages: one module for each area of pages, each with ``TEXTS``.

``TEXTS`` maps a key to its words in English and Chinese. A key belongs to one module; ``gateway.words`` finds them all,
so a new area is one new file.
"""
