//! The verbs that both dialects share.
