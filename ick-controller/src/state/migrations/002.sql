-- How many builds have each status, kept with each change, so that a limit of the queue and the metrics
-- count nothing.

CREATE TABLE build_counts (
    status TEXT    NOT NULL PRIMARY KEY,
    count  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO build_counts (status, count) SELECT status, count(*) FROM builds GROUP BY status;

CREATE TRIGGER builds_counted_in AFTER INSERT ON builds BEGIN
    INSERT INTO build_counts (status, count) VALUES (NEW.status, 1)
    ON CONFLICT (status) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER builds_counted_out AFTER DELETE ON builds BEGIN
    UPDATE build_counts SET count = count - 1 WHERE status = OLD.status;
END;
CREATE TRIGGER builds_counted_over AFTER UPDATE OF status ON builds WHEN OLD.status <> NEW.status BEGIN
    UPDATE build_counts SET count = count - 1 WHERE status = OLD.status;
    INSERT INTO build_counts (status, count) VALUES (NEW.status, 1)
    ON CONFLICT (status) DO UPDATE SET count = count + 1;
END;
