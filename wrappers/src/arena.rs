//! Memory for a program that lives for one call: handed out in order, never taken back.
//!
//! A general allocator is a fifth of the shim's own instructions, and what it would give back is a few tens
//! of KiB at the end. The shim has one thread; a second one would find the arena busy and be refused.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes that the program starts with; the kernel provides pages as they are touched.
const FIRST: usize = 128 * 1024;
/// Bytes asked of the kernel at a time when those are used up.
const CHUNK: usize = 1024 * 1024;

/// The allocator.
#[derive(Debug)]
pub struct Arena {
    busy: AtomicBool,
    state: UnsafeCell<State>,
    first: UnsafeCell<First>,
}

#[derive(Debug)]
#[repr(align(64))]
#[expect(dead_code, reason = "it is memory; blocks are pointers into it")]
struct First([u8; FIRST]);

#[derive(Debug)]
struct State {
    /// Next free byte, and the end of the room behind it; both null before the first use.
    next: *mut u8,
    end: *mut u8,
}

// SAFETY: `state` and `first` are touched only between taking `busy` and giving it back.
unsafe impl Sync for Arena {}

impl Arena {
    /// An arena with nothing handed out.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            busy: AtomicBool::new(false),
            state: UnsafeCell::new(State { next: ptr::null_mut(), end: ptr::null_mut() }),
            #[expect(clippy::large_stack_arrays, reason = "it is made at compile time, for a static")]
            first: UnsafeCell::new(First([0; FIRST])),
        }
    }

    fn with<T>(&self, otherwise: T, work: impl FnOnce(&mut State) -> T) -> T {
        if self.busy.swap(true, Ordering::Acquire) {
            return otherwise;
        }
        // SAFETY: `busy` was free and is ours now, so this is the only reference.
        let state = unsafe { &mut *self.state.get() };
        if state.next.is_null() {
            state.next = self.first.get().cast();
            // SAFETY: one past the end of `first`.
            state.end = unsafe { state.next.add(FIRST) };
        }
        let result = work(state);
        self.busy.store(false, Ordering::Release);
        result
    }
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn take(&mut self, layout: Layout) -> *mut u8 {
        let skip = self.next.align_offset(layout.align());
        let room = self.end as usize - self.next as usize;
        if skip.checked_add(layout.size()).is_none_or(|needed| needed > room) && !self.grow(layout) {
            return ptr::null_mut();
        }
        let skip = self.next.align_offset(layout.align());
        // SAFETY: `skip + size` bytes are left between `next` and `end`.
        unsafe {
            let block = self.next.add(skip);
            self.next = block.add(layout.size());
            block
        }
    }

    /// New room from the kernel, large enough for `layout`; what was left of the old is not used.
    fn grow(&mut self, layout: Layout) -> bool {
        let Some(wanted) = layout.size().checked_add(layout.align()) else { return false };
        let len = wanted.max(CHUNK);
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new private mapping at a place of the kernel's choice.
        let at = unsafe { libc::mmap(ptr::null_mut(), len, access, kind, -1, 0) };
        if at == libc::MAP_FAILED {
            return false;
        }
        self.next = at.cast();
        // SAFETY: one past the end of the mapping.
        self.end = unsafe { self.next.add(len) };
        true
    }
}

// SAFETY: blocks are handed out once, aligned, and inside of memory that is never given back; failure is a
// null pointer.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.with(ptr::null_mut(), |state| state.take(layout))
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the same contract; memory is handed out once, and is zero when the kernel provides it.
        unsafe { self.alloc(layout) }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // The last block grows where it is: the usual case of a vector that is being filled.
        let grown = self.with(false, |state| {
            // SAFETY: one past the end of a block of ours.
            let is_last = unsafe { block.add(layout.size()) } == state.next;
            let fits = is_last && size >= layout.size() && size <= state.end as usize - block as usize;
            if fits {
                // SAFETY: `size` bytes are left from `block` to `end`.
                state.next = unsafe { block.add(size) };
            }
            fits
        });
        if grown {
            return block;
        }
        if size <= layout.size() {
            return block;
        }
        // SAFETY: the caller promises that `size` with this alignment is a valid layout.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both blocks are valid for the old size, and a new block never overlaps an old one.
            unsafe { ptr::copy_nonoverlapping(block, new, layout.size()) };
        }
        new
    }
}
