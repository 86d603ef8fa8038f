//! Two pieces of work at the same time: one file is to be done soon although its parts are many.

use std::thread;

/// Runs `there` on a thread of its own and `here` on this one; both are done when it returns.
/// Where no thread can be had they run one after the other. A panic of either goes on here.
pub(crate) fn beside<A, B>(there: impl Fn() -> A + Sync, here: impl FnOnce() -> B) -> (A, B)
where
    A: Send,
{
    thread::scope(|scope| {
        let started = thread::Builder::new().spawn_scoped(scope, &there);
        let here = here();
        let there = match started {
            Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            Err(_) => there(),
        };
        (there, here)
    })
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn both_are_done_and_panics_arrive() {
        let (there, here) = beside(|| thread::current().id(), || thread::current().id());
        assert_ne!(there, here);
        assert!(catch_unwind(|| beside(|| panic!("there"), || ())).is_err());
        assert!(catch_unwind(|| beside(|| (), || panic!("here"))).is_err());
    }
}
