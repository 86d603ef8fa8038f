//! The signal to stop, seen by every listener and every long-lived socket.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Fires the signal. Dropping it without firing never stops anything.
#[derive(Clone, Debug)]
pub struct Trigger(watch::Sender<bool>);

/// Waits for the signal; cheap to clone.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// A fresh signal and the means to fire it.
    pub fn new() -> (Trigger, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (Trigger(sender), Shutdown(receiver))
    }

    /// Completes once the signal has been fired, at once if that was earlier.
    pub async fn wait(&self) {
        if self.0.clone().wait_for(|fired| *fired).await.is_err() {
            // Every trigger is gone, so the signal can never come.
            std::future::pending::<()>().await;
        }
    }

    /// Whether the signal has been fired.
    pub fn is_fired(&self) -> bool {
        *self.0.borrow()
    }
}

impl Trigger {
    /// Fires the signal; more than once is as good as once.
    pub fn fire(&self) {
        self.0.send_replace(true);
    }
}

/// A signal fired by the first SIGTERM or SIGINT. Needs a running tokio runtime.
///
/// The trigger is for other reasons to stop (an API call, the end of a test).
pub fn shutdown_on_signals() -> io::Result<(Trigger, Shutdown)> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (trigger, shutdown) = Shutdown::new();
    let own = trigger.clone();
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping");
        own.fire();
    });
    Ok((trigger, shutdown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_waiter_sees_the_signal_early_or_late() {
        let (trigger, shutdown) = Shutdown::new();
        let early = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.wait().await }
        });
        assert!(!shutdown.is_fired());
        trigger.fire();
        early.await.unwrap();
        shutdown.wait().await;
        assert!(shutdown.is_fired());
    }
}
