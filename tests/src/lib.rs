//! Ick from outside: the harness that the system's tests share.
