-- How many contents there are, and their bytes, kept with each change: metrics count nothing.

CREATE TABLE kept (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    contents INTEGER NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
INSERT INTO kept (one, contents, bytes)
    SELECT 1, count(*), coalesce(sum(size), 0)
    FROM (SELECT max(size) AS size FROM version GROUP BY digest);

-- A content counts once, whatever the number of its names.
CREATE TRIGGER content_came AFTER INSERT ON version
WHEN NOT EXISTS (SELECT 1 FROM version WHERE digest = NEW.digest AND name <> NEW.name) BEGIN
    UPDATE kept SET contents = contents + 1, bytes = bytes + NEW.size;
END;
CREATE TRIGGER content_went AFTER DELETE ON version
WHEN NOT EXISTS (SELECT 1 FROM version WHERE digest = OLD.digest) BEGIN
    UPDATE kept SET contents = contents - 1, bytes = bytes - OLD.size;
END;
