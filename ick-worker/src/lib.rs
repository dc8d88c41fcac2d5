//! Ick's worker manager: executes actions on a build host.
