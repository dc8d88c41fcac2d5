//! A proxy that speaks TLS before a server that does not.

use anyhow::Result;
use rustls::{ServerConfig, ServerConnection};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A proxy; it ends when it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    /// What it shows itself with, and where it leads to.
    now: Mutex<(Arc<ServerConfig>, Option<SocketAddr>)>,
    open: Mutex<Vec<TcpStream>>,
    handshakes: AtomicUsize,
    over: AtomicBool,
}

impl Proxy {
    /// Listens on a port of its own; it leads nowhere yet.
    pub(crate) fn new(config: Arc<ServerConfig>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            now: Mutex::new((config, None)),
            open: Mutex::default(),
            handshakes: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        let accepting = {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    if shared.over.load(Ordering::SeqCst) {
                        return;
                    }
                    shared.hold(&stream);
                    let shared = Arc::clone(&shared);
                    std::thread::spawn(move || shared.serve(&stream));
                }
            })
        };
        Ok(Self {
            address,
            shared,
            accepting: Some(accepting),
        })
    }

    /// Its URL by the name `localhost`.
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// The port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on it leads to this server.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        lock(&self.shared.now).1 = Some(server);
    }

    /// New connections are shown this certificate, and those that are open are cut.
    pub(crate) fn show(&self, config: Arc<ServerConfig>) {
        lock(&self.shared.now).0 = config;
        self.shared.cut();
    }

    /// How many handshakes were completed.
    pub(crate) fn handshakes(&self) -> usize {
        self.shared.handshakes.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.shared.cut();
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl Shared {
    fn hold(&self, stream: &TcpStream) {
        if let Ok(stream) = stream.try_clone() {
            lock(&self.open).push(stream);
        }
    }

    fn cut(&self) {
        for stream in lock(&self.open).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn serve(&self, client: &TcpStream) {
        let (config, server) = lock(&self.now).clone();
        let Ok(mut tls) = ServerConnection::new(config) else {
            return;
        };
        let mut socket = client;
        let shaken = tls.complete_io(&mut socket);
        // What it has to say of a client that it does not understand.
        let _ = tls.write_tls(&mut socket);
        if shaken.is_ok() {
            self.handshakes.fetch_add(1, Ordering::SeqCst);
            if let Some(server) = server
                && let Ok(server) = TcpStream::connect(server)
            {
                let tls = Mutex::new(tls);
                std::thread::scope(|scope| {
                    scope.spawn(|| upwards(client, &tls, &server));
                    downwards(client, &tls, &server);
                });
            }
        }
        let _ = client.shutdown(Shutdown::Both);
    }
}

/// What the client sends goes to the server.
fn upwards(mut client: &TcpStream, tls: &Mutex<ServerConnection>, mut server: &TcpStream) {
    let mut buffer = [0; 1 << 14];
    // What came with the end of the handshake is there already.
    let mut count = 0;
    loop {
        let mut sealed = &buffer[..count];
        let mut plain = Vec::new();
        {
            let mut tls = lock(tls);
            while !sealed.is_empty() {
                if tls.read_tls(&mut sealed).is_err() || tls.process_new_packets().is_err() {
                    break;
                }
                let _ = tls.reader().read_to_end(&mut plain);
            }
            let _ = tls.reader().read_to_end(&mut plain);
            while tls.wants_write() && tls.write_tls(&mut client).is_ok() {}
        }
        if server.write_all(&plain).is_err() {
            break;
        }
        count = match client.read(&mut buffer) {
            Ok(count) if count > 0 => count,
            _ => break,
        };
    }
    let _ = server.shutdown(Shutdown::Both);
}

/// What the server sends goes to the client.
fn downwards(mut client: &TcpStream, tls: &Mutex<ServerConnection>, mut server: &TcpStream) {
    let mut buffer = [0; 1 << 14];
    loop {
        let count = match server.read(&mut buffer) {
            Ok(count) if count > 0 => count,
            _ => break,
        };
        let mut tls = lock(tls);
        if tls.writer().write_all(&buffer[..count]).is_err() {
            break;
        }
        while tls.wants_write() {
            if tls.write_tls(&mut client).is_err() {
                return;
            }
        }
    }
    let mut tls = lock(tls);
    tls.send_close_notify();
    let _ = tls.write_tls(&mut client);
    let _ = client.shutdown(Shutdown::Both);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
