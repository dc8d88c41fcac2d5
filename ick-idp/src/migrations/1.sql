CREATE TABLE client (
    client_id TEXT PRIMARY KEY,
    -- The secret itself is nowhere: it has 256 random bits, so a plain digest cannot be guessed from.
    secret_sha256 BLOB NOT NULL CHECK (length(secret_sha256) = 32),
    -- Sorted, separated by spaces.
    scope TEXT NOT NULL,
    -- The client that created it; empty for one made on this machine by hand.
    owner TEXT NOT NULL,
    updated_by TEXT NOT NULL,
    revision INTEGER NOT NULL CHECK (revision > 0),
    -- Milliseconds since 1970.
    created INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
