use crate::server::{Client, ISSUER, LONG, Server, keyring, token};
use ick_http::{IssuerSource, KeyFetcher, Limits};
use ick_token::{Issuer, Keyring, PublicKeys, Trust};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// An issuer that shows whatever keys it is told to, and counts how often it is asked.
struct Shown {
    url: String,
    jwks: Arc<Mutex<(String, u32)>>,
}

fn show(listener: TcpListener, jwks: &str) -> Shown {
    let url = format!("http://{}", listener.local_addr().unwrap());
    let shown = Arc::new(Mutex::new((jwks.to_owned(), 0)));
    let jwks = Arc::clone(&shown);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer);
            let mut shown = shown.lock().unwrap();
            shown.1 += 1;
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nCache-Control: max-age=3600\r\n\
                 Connection: close\r\n\r\n{}",
                shown.0.len(),
                shown.0
            );
        }
    });
    Shown { url, jwks }
}

/// A server that fetches the keys of the issuer at `url`, whose tokens name [`ISSUER`].
fn server(url: &str, folder: &Path, keyring: Arc<Keyring>) -> Server {
    let keys = PublicKeys::unknown();
    let source = IssuerSource {
        url: url.to_owned(),
        authorities: ick_client::Authorities::platform(),
        keys: keys.clone(),
        file: folder.join("issuer.json"),
    };
    let fetcher = KeyFetcher::start(vec![source]).unwrap();
    let issuer = Issuer {
        url: ISSUER.to_owned(),
        trust: Trust::Everything,
        keys,
    };
    let own = tempfile::tempdir().unwrap();
    Server::with_issuer(Limits::default(), own, keyring, issuer, Some(fetcher))
}

fn eventually(what: &str, mut fact: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !fact() {
        assert!(begun.elapsed() < LONG, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn an_issuer_that_comes_later() {
    let folder = tempfile::tempdir().unwrap();
    let keyring = Arc::new(keyring(folder.path()));
    // A port that nobody listens on, but that nobody else gets either.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}");
    let server = server(&url, folder.path(), Arc::clone(&keyring));
    assert_eq!(
        server
            .ask("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            .status,
        200
    );
    let answer = server.call("GET", "/builds", "", "");
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    let _shown = show(TcpListener::bind(address).unwrap(), &keyring.jwks());
    eventually("the keys are fetched", || {
        server.call("GET", "/builds", "", "").status == 200
    });
    let kept = std::fs::read_to_string(folder.path().join("issuer.json")).unwrap();
    assert_eq!(kept, *keyring.jwks());
}

#[test]
fn keys_are_kept_on_disk_and_an_unknown_one_is_asked_for_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = Arc::new(keyring(folder.path()));
    let other_folder = tempfile::tempdir().unwrap();
    let second = keyring(other_folder.path());
    std::fs::write(folder.path().join("issuer.json"), &*first.jwks()).unwrap();

    // The issuer is down: its keys are known all the same.
    let down = server("http://127.0.0.1:1", folder.path(), Arc::clone(&first));
    assert_eq!(down.call("GET", "/builds", "", "").status, 200);
    drop(down);

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let shown = show(listener, &first.jwks());
    let server = server(&shown.url, folder.path(), Arc::clone(&first));
    eventually("the first fetch", || shown.jwks.lock().unwrap().1 == 1);
    // A key that verifiers have not heard of, an hour before they would ask again.
    shown.jwks.lock().unwrap().0 = second.jwks().to_string();
    let unknown = token(&second, ISSUER, &["uapi_builds_get"]);
    let ask = |token: &str| {
        server
            .ask(&format!(
                "GET /builds HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
            ))
            .status
    };
    // Those who come while the keys are being fetched wait for them too.
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(|| ask(&unknown))).collect();
        for asked in asking {
            assert_eq!(asked.join().unwrap(), 200);
        }
    });
    assert_eq!(shown.jwks.lock().unwrap().1, 2);
    // Now the first key is unknown: nobody can make the server ask all the time.
    let withdrawn = token(&first, ISSUER, &["uapi_builds_get"]);
    for _ in 0..20 {
        assert_eq!(ask(&withdrawn), 401);
    }
    assert_eq!(shown.jwks.lock().unwrap().1, 2);
}

#[test]
fn a_client_that_goes_away_frees_its_connection() {
    let server = Server::start(Limits::default());
    let token = server.token();
    let waiting: Vec<Client> = (0..50)
        .map(|_| {
            let mut client = server.connect();
            client.send(&format!(
                "GET /held HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
            ));
            client
        })
        .collect();
    drop(waiting);
    drop(TcpStream::connect(server.address).unwrap());
    server.assert_no_connection_stays();
}
