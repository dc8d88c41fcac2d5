//! Access tokens: signing keys, their rotation, and verification.
