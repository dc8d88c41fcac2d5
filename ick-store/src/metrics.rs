//! What the store counts besides requests, as `GET /metrics` shows it.

use crate::shelf::Shelf;
use ick_http::Metrics;
use ick_http::prometheus_client::metrics::counter::Counter;
use std::sync::Arc;

/// The bytes of contents that came and went since the store was started.
#[derive(Debug, Default)]
pub struct Traffic {
    /// From clients, whether they were kept or not.
    pub uploaded: Counter,
    /// To clients.
    pub downloaded: Counter,
}

/// Adds the store's metrics.
pub fn register(metrics: &Metrics, shelf: &Arc<Shelf>) {
    let traffic = shelf.traffic();
    metrics.register(|registry| {
        registry.register(
            "blob_uploaded_bytes",
            "Bytes of contents that clients sent, kept or not",
            traffic.uploaded.clone(),
        );
        registry.register(
            "blob_downloaded_bytes",
            "Bytes of contents that clients were sent",
            traffic.downloaded.clone(),
        );
    });
    metrics.database(shelf.names().database());
    let shelf = Arc::downgrade(shelf);
    metrics.look(move |figures| {
        let Some(shelf) = shelf.upgrade() else {
            return Ok(());
        };
        match shelf.names().kept() {
            Ok(kept) => {
                figures.number("blob_contents", "Contents that are kept", kept.contents)?;
                let help = "Bytes of the contents that are kept, each counted once";
                figures.number("blob_bytes", help, kept.bytes)
            }
            Err(error) => {
                tracing::warn!("cannot tell how much is kept: {error}");
                Ok(())
            }
        }
    });
}
