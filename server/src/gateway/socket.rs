//! What the server asks of the kernel for a client's connection, before the first byte.
//!
//! It knows nothing of HTTP or WebSocket.

use socket2::SockRef;
use std::io;
use tokio::net::TcpStream;

/// What the kernel holds of a connection and has not yet sent: 128 KiB, some 400 messages.
///
/// Without it a connection that does not read gathers up to `tcp_wmem` (4 MiB on an ordinary machine, so 40 GB for 10,000 of
/// them) of messages that get older and older, before the ring's bound is felt at all. What has been sent and is under
/// way does not count, so a long line is not slowed down by it.
pub const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// Sets a new connection up.
///
/// # Errors
/// The kernel's own. The connection works all the same.
pub fn set_up(stream: &TcpStream) -> io::Result<()> {
    // A chat line must not wait for the acknowledgement of the one before it.
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use tokio::{io::Interest, net::TcpListener};

    #[tokio::test]
    async fn the_kernel_gathers_little_for_a_client_that_does_not_read() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = tokio::net::TcpSocket::new_v4().unwrap();
        client.set_recv_buffer_size(16 * 1024).unwrap();
        let (client, accepted) =
            tokio::join!(client.connect(listener.local_addr().unwrap()), listener.accept());
        let (_client, (stream, _)) = (client.unwrap(), accepted.unwrap());
        set_up(&stream).unwrap();
        // Half of what an ordinary machine would take.
        let most = 2 * 1024 * 1024;
        let mut taken = 0;
        stream.ready(Interest::WRITABLE).await.unwrap();
        while taken < most {
            match stream.try_write(&[0; 4096]) {
                Ok(bytes) => taken += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        assert!(taken < most, "the kernel took {taken} bytes");
    }
}
