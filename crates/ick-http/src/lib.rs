//! HTTP serving for Ick's daemons.
