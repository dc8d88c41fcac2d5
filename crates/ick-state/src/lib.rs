//! State on disk for the daemons: the locked state folder, SQLite with group commit, atomic files.
