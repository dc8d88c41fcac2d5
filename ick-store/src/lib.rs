//! Ick's artifact store.
