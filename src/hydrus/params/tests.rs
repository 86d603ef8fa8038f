//! Values by name and type, as a query and as a body give them.
