//! Listeners on real sockets.
