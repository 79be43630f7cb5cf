//! Turno

pub mod shell;
