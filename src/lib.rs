//! Turno
