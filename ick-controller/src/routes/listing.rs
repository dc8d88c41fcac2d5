//! Pages of lists whose items can be large: a page ends when it has as many items as were asked for,
//! or so many bytes, and its `Link` says that there is more.

use ick_http::{Page, Refusal};
use serde::Serialize;
use std::io;

/// A page that has grown to so many bytes gets no further item.
const LARGE: usize = 2 << 20;

/// How many rows are in memory at a time, besides those shown.
const AT_ONCE: usize = 20;

/// Fills a page: `fetch` gives the rows after one, at most so many, in the list's order. What is shown,
/// and the key of the last one when there is more.
///
/// # Errors
/// Those of the closures.
pub(super) fn fill<R, T: Serialize, E: From<Refusal>>(
    page: &Page,
    mut fetch: impl FnMut(Option<&R>, usize) -> Result<Vec<R>, E>,
    mut show: impl FnMut(&R) -> Result<T, E>,
    key: impl Fn(&R) -> String,
) -> Result<(Vec<T>, Option<String>), E> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut shown = Vec::new();
    let mut bytes = 0;
    let mut last: Option<R> = None;
    loop {
        // One more than is shown, to know whether there is more.
        let rows = fetch(last.as_ref(), AT_ONCE.min(limit - shown.len() + 1))?;
        if rows.is_empty() {
            return Ok((shown, None));
        }
        for row in rows {
            if shown.len() == limit || bytes >= LARGE {
                return Ok((shown, last.as_ref().map(key)));
            }
            let item = show(&row)?;
            bytes += size(&item)?;
            shown.push(item);
            last = Some(row);
        }
    }
}

fn size(item: &impl Serialize) -> Result<usize, Refusal> {
    let mut count = Count(0);
    serde_json::to_writer(&mut count, item).map_err(|error| Refusal::internal(&error))?;
    Ok(count.0)
}

struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
