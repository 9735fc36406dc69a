//! A typed client of our own protocol, for tests and load tests: [`Rest`] for the calls, [`Socket`] for the WebSocket.
//!
//! It says what it is told to say, also what no good client would (wrong types, binary frames, bytes that are not
//! UTF-8), and knows nothing of the server but the protocol. Frame types and fields that it does not know it passes
//! over, as the protocol asks. Every wait is bounded by a deadline, and an error says what came instead.

mod answers;
mod error;
mod moderation;
mod rest;
mod rooms;
mod socket;

pub use answers::{Ack, Joined};
pub use error::{Closed, Error, Refusal};
pub use hyper::Method;
pub use rest::{Answer, Call, Rest};
pub use socket::{Options, Socket};

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    time::Duration,
};
use tokio::net::{TcpSocket, TcpStream};

/// How long an answer may take unless somebody says otherwise. Far above what any takes: it ends a wait that would
/// never end.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// The address of a server, from `http://HOST:PORT` or `ws://HOST:PORT`; a name is looked up.
///
/// # Errors
/// What is wrong with it, for people.
pub fn address(url: &str) -> Result<SocketAddr, String> {
    let bad = |why: &dyn std::fmt::Display| {
        format!("{url:?} is no address of a server, as http://127.0.0.1:8080: {why}")
    };
    let rest = url.strip_prefix("http://").or(url.strip_prefix("ws://")).unwrap_or(url);
    let mut found = rest.trim_end_matches('/').to_socket_addrs().map_err(|error| bad(&error))?;
    found.next().ok_or_else(|| bad(&"the name has no address"))
}

/// Connects, from an address of this machine and with a receive buffer of a size if they are asked for.
async fn connect(
    address: SocketAddr,
    source: Option<IpAddr>,
    receive_buffer_bytes: Option<u32>,
) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(bytes) = receive_buffer_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_url_is_an_address_or_told_what_is_wrong() {
        for url in ["http://127.0.0.1:8080", "ws://127.0.0.1:8080/", "127.0.0.1:8080"] {
            assert_eq!(address(url).map(|found| found.to_string()), Ok("127.0.0.1:8080".to_owned()), "{url}");
        }
        for url in ["", "http://", "http://127.0.0.1", "127.0.0.1:x"] {
            let wrong = address(url).unwrap_err();
            assert!(wrong.contains("is no address of a server"), "{wrong}");
        }
    }
}
