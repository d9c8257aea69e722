//! [`hold`]: tries inputs like those of a corpus, changed a little, for a short run on the stable compiler.
//!
//! The same seed gives the same inputs. The tests of `iot-proto` and `iot-node` include this file; the long run is
//! `cargo xtask fuzz`, which follows the paths of the code that it has not seen yet.

use std::{fs, panic::catch_unwind, path::Path};

/// Changes that one input has at most.
const CHANGES: u64 = 4;

/// Holds `property` for every file of the corpus in a folder, and for so many inputs that are made from them.
///
/// # Panics
/// Where it does not hold, or the corpus cannot be read or has fewer than twelve files.
pub fn hold(folder: &Path, tried: usize, property: fn(&[u8])) {
    let mut inputs = Mutated::new(folder, 12);
    inputs.seeds.iter().for_each(|input| property(input));
    for _ in 0..tried {
        let input = inputs.another();
        let holds = catch_unwind(|| property(&input)).is_ok();
        let folder = folder.display();
        assert!(holds, "its property does not hold for {input:02X?}: make it a file of {folder}");
    }
}

/// Inputs of a corpus, and what is drawn.
#[derive(Debug)]
struct Mutated {
    seeds: Vec<Vec<u8>>,
    state: u64,
}

impl Mutated {
    /// All files of a folder, of which there are at least so many.
    fn new(folder: &Path, least: usize) -> Self {
        let mut files: Vec<_> = fs::read_dir(folder)
            .expect("the corpus is there")
            .map(|entry| entry.expect("the corpus can be listed").path())
            .collect();
        files.sort();
        let seeds: Vec<_> =
            files.iter().map(|path| fs::read(path).expect("a file of the corpus can be read")).collect();
        assert!(seeds.len() >= least, "{} has only {} files", folder.display(), seeds.len());
        Self { seeds, state: 0x9E37_79B9_7F4A_7C15 }
    }

    /// Another input.
    fn another(&mut self) -> Vec<u8> {
        let mut input = self.drawn();
        for _ in 0..=self.below(CHANGES) {
            self.change(&mut input);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.at(input.len());
        match self.below(7) {
            0 => {
                let bit = self.below(8);
                input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit);
            }
            1 => {
                let byte = self.byte();
                input.iter_mut().skip(at).take(1).for_each(|old| *old = byte);
            }
            2 => {
                let byte = self.byte();
                input.insert(at, byte);
            }
            3 => drop(input.drain(at..(at + 1).min(input.len()))),
            4 => input.truncate(at),
            5 => {
                // A part of it once more.
                let again = input.get(at..).unwrap_or_default().to_vec();
                input.extend(again);
            }
            _ => {
                // The rest of another one.
                let other = self.drawn();
                let from = self.at(other.len());
                input.truncate(at);
                input.extend(other.get(from..).unwrap_or_default());
            }
        }
    }

    fn drawn(&mut self) -> Vec<u8> {
        let at = self.at(self.seeds.len());
        self.seeds.get(at).cloned().unwrap_or_default()
    }

    /// A place in something of this length; 0 where it is empty.
    fn at(&mut self, len: usize) -> usize {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        usize::try_from(self.below(len.max(1))).unwrap_or(0)
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap_or(0)
    }

    /// A number below this one, which is not 0: xorshift, which is enough to find other inputs.
    fn below(&mut self, limit: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % limit
    }
}
