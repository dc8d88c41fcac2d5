use crate::servers::{Held, each_with_descriptors};
use anyhow::{Result, ensure};

/// Far fewer than connections come.
const DESCRIPTORS: u32 = 256;

#[test]
fn connections_beyond_the_descriptors_shut_nobody_out() -> Result<()> {
    each_with_descriptors(DESCRIPTORS, |server| {
        let mut held = Held::new();
        for _ in 0..400 {
            held.push(server.connect()?);
        }
        server.serves_others()?;
        for _ in 0..400 {
            let mut client = server.connect()?;
            client.offer("GET /version HTTP/1.1\r\n");
            held.push(client);
        }
        Ok(held)
    })
}

/// Requests that are under way are not ended for the sake of those who come later: these wait until one
/// of them is over.
#[test]
fn requests_under_way_are_not_ended_for_others() -> Result<()> {
    each_with_descriptors(DESCRIPTORS, |server| {
        let mut held = Held::new();
        for _ in 0..80 {
            let mut client = server.connect()?;
            client.send(server.writing("Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"))?;
            client.answer()?.is(100)?;
            held.push(client);
        }
        let mut idle = Held::new();
        for _ in 0..400 {
            idle.push(server.connect()?);
        }
        server.serves_others()?;
        for client in &mut held {
            client.send("{}")?;
            let answer = client.answer()?;
            ensure!(matches!(answer.status, 200 | 201 | 422), "{}", answer.head);
        }
        Ok(idle)
    })
}
