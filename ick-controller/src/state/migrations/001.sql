-- The controller's state, version 1. Times are milliseconds since 1970; JSON columns carry a version
-- of their own ("v", or the column "format").

CREATE TABLE projects (
    name       TEXT    NOT NULL PRIMARY KEY,
    format     INTEGER NOT NULL,
    definition TEXT    NOT NULL,
    made_by    TEXT,                -- the label of the apply set that made it
    owner      TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    updated_by TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX projects_of_set ON projects (made_by) WHERE made_by IS NOT NULL;

CREATE TABLE pipelines (
    name       TEXT    NOT NULL PRIMARY KEY,
    format     INTEGER NOT NULL,
    definition TEXT    NOT NULL,
    made_by    TEXT,
    owner      TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    updated_by TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pipelines_of_set ON pipelines (made_by) WHERE made_by IS NOT NULL;

-- Outlives the project, so that no number is used twice.
CREATE TABLE project_numbers (
    project TEXT    NOT NULL PRIMARY KEY,
    last    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- No reference to projects: a deleted project's builds stay readable.
CREATE TABLE builds (
    seq      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,  -- the order of triggering
    project  TEXT    NOT NULL,
    number   INTEGER NOT NULL,
    status   TEXT    NOT NULL,
    needs    INTEGER NOT NULL,   -- what a worker has to allow: 1 host, 2 chroot, 4 network
    avoid    TEXT,               -- the worker that lost the attempt before
    due      INTEGER,            -- when the passing of time has something to say about it
    revision INTEGER NOT NULL,
    request  TEXT    NOT NULL,   -- who triggered it, when, why, with which ref and commit
    state    TEXT    NOT NULL,
    UNIQUE (project, number)
) STRICT;
CREATE INDEX builds_waiting ON builds (needs, seq) WHERE status = 'triggered';
CREATE INDEX builds_due ON builds (due) WHERE due IS NOT NULL;
CREATE INDEX builds_by_status ON builds (status, seq);
CREATE INDEX builds_by_project ON builds (project, status, seq);

-- Beside the builds, as it never changes and would be rewritten with every transition.
CREATE TABLE build_plans (
    build INTEGER NOT NULL PRIMARY KEY REFERENCES builds (seq) ON DELETE CASCADE,
    plan  TEXT    NOT NULL
) STRICT;

CREATE TABLE workers (
    name       TEXT    NOT NULL PRIMARY KEY,
    format     INTEGER NOT NULL,
    record     TEXT    NOT NULL,   -- keywords, slots, allows, protocol, what else it said
    drained    INTEGER NOT NULL,
    last_seen  INTEGER,
    owner      TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    updated_by TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What each slot of each worker has. When a lease expires is not recorded: after a restart of the
-- controller every lease is given its full time anew.
CREATE TABLE leases (
    worker TEXT    NOT NULL,
    slot   INTEGER NOT NULL,
    lease  TEXT    NOT NULL,
    build  INTEGER NOT NULL REFERENCES builds (seq),
    run    TEXT    NOT NULL,
    epoch  INTEGER NOT NULL,
    PRIMARY KEY (worker, slot)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX leases_by_build ON leases (build, run);

CREATE TABLE idempotency (
    project TEXT    NOT NULL,
    client  TEXT    NOT NULL,
    key     TEXT    NOT NULL,
    build   INTEGER NOT NULL REFERENCES builds (seq) ON DELETE CASCADE,
    PRIMARY KEY (project, client, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_build ON idempotency (build);

-- Which builds recorded which content of which blob.
CREATE TABLE artifacts (
    name   TEXT    NOT NULL,
    digest TEXT    NOT NULL,
    build  INTEGER NOT NULL,
    PRIMARY KEY (name, digest, build)
) STRICT, WITHOUT ROWID;
CREATE INDEX artifacts_by_build ON artifacts (build);

-- What is still to be removed outside this database after a build was deleted.
CREATE TABLE removals (
    id     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind   TEXT    NOT NULL,   -- 'log' or 'blob'
    name   TEXT    NOT NULL,   -- the build's, or the blob's
    digest TEXT,
    due    INTEGER NOT NULL,
    tries  INTEGER NOT NULL
) STRICT;
CREATE INDEX removals_due ON removals (due);
