//! Not a benchmark: it only shows that nothing is wrong by an order of magnitude.

use crate::server::Server;
use ick_http::Limits;
use std::time::Instant;

#[test]
fn a_small_request_is_quick() {
    let server = Server::start(Limits::default());
    let mut client = server.connect();
    let token = server.token();
    let request =
        format!("GET /builds HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    let mut times: Vec<_> = (0..2000)
        .map(|_| {
            let begun = Instant::now();
            client.send(&request);
            assert_eq!(client.answer().body, "builds");
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let median = times[times.len() / 2];
    println!(
        "median {median:?}, 99th of 100 {:?}",
        times[times.len() * 99 / 100]
    );
    assert!(median.as_millis() < 10, "{median:?}");
}
