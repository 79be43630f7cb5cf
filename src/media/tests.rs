//! Scripts through the front door.
