//! Ick's identity provider.
