use crate::server::Server;
use ick_http::Limits;
use std::net::TcpStream;
use std::time::Duration;

#[test]
fn the_end_lets_requests_finish_and_closes_the_rest() {
    let server = Server::start(Limits::default());
    let mut held = server.connect();
    let token = server.token();
    held.send(&format!(
        "GET /held HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    ));
    let mut idle = server.connect();
    idle.send("GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(idle.answer().status, 200);
    let address = server.address;
    let shutdown = server.shutdown.clone();
    let reader = std::thread::spawn(move || {
        let answer = held.answer();
        (answer, held.rest())
    });
    shutdown.request();
    let (answer, after) = reader.join().unwrap();
    assert_eq!((answer.body.as_str(), after.as_str()), ("held", ""));
    assert_eq!(idle.rest(), "");
    server.join();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn the_end_does_not_wait_for_ever() {
    let server = Server::start(Limits {
        grace: Duration::from_millis(300),
        ..Limits::default()
    });
    let mut client = server.connect();
    let token = server.token();
    client.send(&format!(
        "PUT /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Length: 100\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(client.answer().status, 100, "the handler is busy");
    assert!(server.end() < Duration::from_secs(5));
}
