//! Problems as an operator sees them.
