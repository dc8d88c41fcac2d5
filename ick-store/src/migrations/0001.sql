-- Every content that a name has had and that was not deleted by `DELETE …?version=`.
CREATE TABLE version (
    name TEXT NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    size INTEGER NOT NULL CHECK (size >= 0),
    PRIMARY KEY (name, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX version_by_digest ON version (digest);
CREATE INDEX version_by_size ON version (size);

-- The names that there are, and the content that each has now. Times are milliseconds since 1970.
CREATE TABLE name (
    name TEXT PRIMARY KEY,
    digest BLOB NOT NULL,
    created INTEGER NOT NULL,
    owner TEXT NOT NULL,
    revision INTEGER NOT NULL,
    updated_by TEXT NOT NULL,
    FOREIGN KEY (name, digest) REFERENCES version
) STRICT, WITHOUT ROWID;

-- Contents that nothing refers to any more and that are still to be removed.
CREATE TABLE unreferenced (
    digest BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;
