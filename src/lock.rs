//! A lock on a file that ends when its holder says so.
//!
//! A lock of `flock` belongs to the open file, not to the process. A child that another thread has started shares the open
//! file until it becomes its program, so closing the file here may leave it locked for that moment longer.

use std::fs::File;

/// A locked file. It is unlocked on drop, whoever else has it open.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Takes over a file that is locked already.
    #[must_use]
    pub fn held(file: File) -> Self {
        Self(file)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Where it cannot be unlocked, it was never locked: some network file systems know no locks.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_lock_is_free_though_the_file_is_open_elsewhere() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let open = || File::open(file.path()).expect("the file");
        let held = open();
        held.try_lock().expect("a lock");
        let shared = held.try_clone().expect("the same open file, as a child has it");
        let lock = Lock::held(held);
        assert!(open().try_lock().is_err());
        drop(lock);
        open().try_lock().expect("the lock is free");
        drop(shared);
    }
}
