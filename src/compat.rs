//! Asterisk-shaped interfaces for tools that shops already own: the manager interface ([`ami`]). The lines of `queue_log` and
//! `Master.csv` are formats of the record (`turno_tariff::cdr::format`) and go out by the store.

pub mod ami;
