//! Every bound of the room, with its unit in the name.

/// Most telephone numbers of one customer.
pub const NUMBERS_MAX: usize = 32;
/// Most e-mail addresses of one customer.
pub const EMAILS_MAX: usize = 16;
/// Most official ids of one customer.
pub const IDS_MAX: usize = 8;
/// Most postal addresses of one customer.
pub const ADDRESSES_MAX: usize = 8;
/// Most flags of one customer.
pub const FLAGS_MAX: usize = 32;
/// Most consents of one customer, withdrawn ones included.
pub const CONSENTS_MAX: usize = 64;
/// Contacts kept; the oldest goes when another comes.
pub const CONTACTS_MAX: usize = 50;
/// Most open cases of one customer.
pub const CASES_MAX: usize = 100;
/// Notes kept; the oldest goes when another comes.
pub const NOTES_MAX: usize = 200;
/// Most custom fields of one customer.
pub const CUSTOM_MAX: usize = 64;
/// Most earlier external ids of one customer.
pub const ALIASES_MAX: usize = 64;
/// Longest name, id, address line, custom field, bytes.
pub const TEXT_BYTES_MAX: usize = 255;
/// Longest note, bytes.
pub const NOTE_BYTES_MAX: usize = 4000;
/// Highest customer value, per mille.
pub const VALUE_MAX_PM: u32 = 1_000_000_000;
