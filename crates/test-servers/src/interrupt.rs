//! Ctrl-C and SIGTERM, as news that can be waited for. Start with [`Interrupts::listen`].

use std::{
    io,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};
use tokio::signal::unix::{SignalKind, signal};

/// Each signal is told once; two may wait.
pub struct Interrupts(Receiver<()>);

impl Interrupts {
    /// From now on they do not end this process by themselves.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (mut interrupt, mut terminate) = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let (tell, told) = mpsc::sync_channel(2);
        thread::Builder::new().name("interrupts".to_owned()).spawn(move || {
            runtime.block_on(async {
                loop {
                    let come = tokio::select! {
                        come = interrupt.recv() => come,
                        come = terminate.recv() => come,
                    };
                    // Whoever presses it more often than twice has said all there is to say.
                    if come.is_none()
                        || matches!(tell.try_send(()), Err(mpsc::TrySendError::Disconnected(())))
                    {
                        return;
                    }
                }
            });
        })?;
        Ok(Self(told))
    }

    /// Waits so long for one; was there one?
    pub fn within(&self, time: Duration) -> bool {
        match self.0.recv_timeout(time) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                thread::sleep(time);
                false
            }
        }
    }
}
