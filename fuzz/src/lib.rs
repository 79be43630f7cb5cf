//! What the targets share: choices read from the input, and peers that speak SIP with the engine and bend what they say.

pub mod house;
pub mod peers;
pub mod said;

/// Choices, read from the fuzzer's bytes; zeros after their end.
#[derive(Debug)]
pub struct Choices<'d>(&'d [u8]);

impl<'d> Choices<'d> {
    /// All of `data`.
    pub fn new(data: &'d [u8]) -> Choices<'d> {
        Choices(data)
    }

    /// Nothing is left.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> u64 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        u64::from(*first)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        let value = if bound > 256 { self.byte() << 8 | self.byte() } else { self.byte() };
        value % bound.max(1)
    }

    /// Some bytes, at most `max`.
    pub fn bytes(&mut self, max: u64) -> &'d [u8] {
        let len = (self.below(max) as usize).min(self.0.len());
        let (taken, rest) = self.0.split_at(len);
        self.0 = rest;
        taken
    }

    /// What is left.
    pub fn rest(&self) -> &'d [u8] {
        self.0
    }

    /// Goes on with what a reader of [`Choices::rest`] left.
    pub fn go_on(&mut self, rest: &'d [u8]) {
        self.0 = rest;
    }
}
