//! A typed client of our own protocol, for tests and load tests: [`Rest`] for the calls, [`Socket`] for the WebSocket.
//!
//! It says what it is told to say, also what no good client would (wrong types, binary frames, bytes that are not
//! UTF-8), and knows nothing of the server but the protocol. Frame types and fields that it does not know it passes
//! over, as the protocol asks. Every wait is bounded by a deadline, and an error says what came instead.

mod answers;
mod error;
mod rest;
mod socket;

pub use answers::{Ack, Joined};
pub use error::{Closed, Error, Refusal};
pub use rest::{Answer, Call, Rest};
pub use socket::{Options, Socket};

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::net::{TcpSocket, TcpStream};

/// How long an answer may take unless somebody says otherwise. Far above what any takes: it ends a wait that would
/// never end.
pub const DEADLINE: Duration = Duration::from_secs(30);

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
