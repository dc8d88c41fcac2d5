//! From a handler into the daemon's own, synchronous code.

use crate::Refusal;

/// Runs synchronous code on a thread where it may wait for the disk, and waits for it without holding
/// one. The code runs to its end even if the client has gone in the meantime.
///
/// # Errors
/// Those of the code; a panic in it is a 500.
pub async fn blocking<T, F>(code: F) -> Result<T, Refusal>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Refusal> + Send + 'static,
{
    match tokio::task::spawn_blocking(code).await {
        Ok(result) => result,
        Err(error) => Err(Refusal::internal(&error)),
    }
}
