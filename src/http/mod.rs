//! Hyper and nobody else: listener, router, ranges, limits, TLS.
