//! [`BufferPool`]: the read buffers of one thread.
//!
//! A connection takes a buffer when its socket is polled and gives it back once the bytes in it are used
//! up, so that a thousand idle connections hold none and a busy thread needs one or two.

use std::{cell::RefCell, rc::Rc};

/// Bytes of one buffer: the beginning of a record, and what one read takes behind it.
pub(crate) const BUFFER_LEN: usize = 32 * 1024;

/// Bytes that one read takes at most: some two hundred reports. The pace of a session is looked at between reads,
/// so this also bounds what one peer can have done before another has its turn.
pub(crate) const READ_LEN: usize = 8 * 1024;

/// Buffers kept for the next use. More are in use at one time only while handlers wait.
const KEPT: usize = 4;

/// Read buffers that are not in use.
#[derive(Debug, Default)]
pub(crate) struct BufferPool {
    spare: RefCell<Vec<Box<[u8]>>>,
}

impl BufferPool {
    /// A buffer of [`BUFFER_LEN`] bytes with whatever was in it last.
    pub(crate) fn take(self: &Rc<Self>) -> PooledBuffer {
        let spare = self.spare.borrow_mut().pop();
        let bytes = spare.unwrap_or_else(|| vec![0; BUFFER_LEN].into_boxed_slice());
        PooledBuffer { bytes, pool: Rc::clone(self) }
    }

    #[cfg(test)]
    pub(crate) fn spare(&self) -> usize {
        self.spare.borrow().len()
    }
}

/// A buffer in use; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct PooledBuffer {
    pub(crate) bytes: Box<[u8]>,
    pool: Rc<BufferPool>,
}

impl Drop for PooledBuffer {
    fn drop(&mut self) {
        let mut spare = self.pool.spare.borrow_mut();
        if spare.len() < KEPT {
            spare.push(core::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_comes_back_when_it_is_dropped_and_few_are_kept() {
        let pool = Rc::new(BufferPool::default());
        let used: Vec<_> = (0..10).map(|_| pool.take()).collect();
        assert_eq!(pool.spare(), 0);
        drop(used);
        assert_eq!(pool.spare(), KEPT);
        assert_eq!(pool.take().bytes.len(), BUFFER_LEN);
    }
}
