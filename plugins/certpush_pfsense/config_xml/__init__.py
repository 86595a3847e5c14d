"""config.xml as bytes: read, planned and edited without input or output, and without a tree of everything.

``reading`` understands a file or refuses it; ``entries`` makes what certpush adds; ``splice``
edits the bytes and proves that nothing else changed; ``consumers`` finds who uses a
certificate; ``diff`` shows an edit to people.

Records are named tuples: for a command that edits one file, ``dataclasses`` alone would be an
eighth of the time and 1.5 MB of the memory.
"""
