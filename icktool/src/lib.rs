//! Ick's command line.
