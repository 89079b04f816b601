//! The system calls that the shim needs, made safe. It holds no decision.
//!
//! Descriptors of ours are always above 2 and close on exec: a caller that closed stdin finds it closed
//! for the tool too, and no file of ours ever takes its place.

use std::ffi::{CStr, c_char, c_int};

/// Arguments or environment as the kernel handed them over, where they lie.
///
/// # Safety
///
/// `list` must be an array of pointers to C strings that ends with a null pointer, and both must live as
/// long as the process, as those that `main` gets do.
#[must_use]
pub unsafe fn strings(list: *const *const c_char) -> Vec<&'static CStr> {
    let mut all = Vec::with_capacity(64);
    let mut at = list;
    // SAFETY: the caller promises a null-terminated array of C strings; `at` stops at its end.
    unsafe {
        while !at.is_null() && !(*at).is_null() {
            all.push(CStr::from_ptr(*at));
            at = at.add(1);
        }
    }
    all
}

/// A path for the kernel; `None` if it holds a NUL.
fn c_path(path: &[u8]) -> Option<Vec<u8>> {
    (!path.contains(&0)).then(|| [path, b"\0"].concat())
}

/// The error of the last system call.
#[must_use]
pub fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// A descriptor of ours.
#[derive(Debug)]
pub struct Fd(c_int);

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours and is not used after this.
        unsafe { libc::close(self.0) };
    }
}

impl Fd {
    /// Takes a new descriptor, and moves it if it has the number of a closed stream.
    fn take(fd: c_int) -> Result<Self, i32> {
        if fd < 0 {
            return Err(errno());
        }
        let fd = Self(fd);
        if fd.0 > 2 {
            return Ok(fd);
        }
        // SAFETY: plain call on a descriptor of ours; the low one is closed by `drop`.
        let high = unsafe { libc::fcntl(fd.0, libc::F_DUPFD_CLOEXEC, 3) };
        if high < 0 { Err(errno()) } else { Ok(Self(high)) }
    }

    fn open(path: &[u8], flags: c_int) -> Result<Self, i32> {
        let path = c_path(path).ok_or(libc::EINVAL)?;
        // Not `open`: musl's sets the close-on-exec flag once more, for kernels that knew no O_CLOEXEC.
        // SAFETY: `path` is a C string that outlives the call.
        let fd = unsafe {
            libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags | libc::O_CLOEXEC, 0o666)
        };
        Self::take(c_int::try_from(fd).unwrap_or(-1))
    }

    /// Opens for reading.
    pub fn read_only(path: &[u8]) -> Result<Self, i32> {
        Self::open(path, libc::O_RDONLY)
    }

    /// Opens for writing at the end; the file must be there.
    pub fn append(path: &[u8]) -> Result<Self, i32> {
        Self::open(path, libc::O_WRONLY | libc::O_APPEND)
    }

    /// Makes a new file; fails if there is one.
    pub fn create_new(path: &[u8]) -> Result<Self, i32> {
        Self::open(path, libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL)
    }

    /// A file in memory.
    pub fn memory() -> Result<Self, i32> {
        // SAFETY: the name is a C string literal.
        Self::take(unsafe { libc::memfd_create(c"crosswheel".as_ptr(), libc::MFD_CLOEXEC) })
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> i32 {
        self.0
    }

    /// Whether it is a plain file, and how long.
    #[must_use]
    pub fn file_size(&self) -> Option<u64> {
        stat(self.0)
            .filter(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFREG)
            .map(|stat| stat.st_size.cast_unsigned())
    }

    /// Reads to the end.
    pub fn read_all(&self) -> Result<Vec<u8>, i32> {
        self.read_sized(self.file_size().unwrap_or(0))
    }

    /// Reads a file of this size; one of size 0 (as those in `/proc` are) to its end.
    fn read_sized(&self, size: u64) -> Result<Vec<u8>, i32> {
        let size = usize::try_from(size).unwrap_or(0);
        let mut all = Vec::with_capacity(size.max(1));
        while size > 0 && all.len() < size {
            if !read_some(self.0, &mut all)? {
                return Ok(all);
            }
        }
        if size == 0 {
            read_into(self.0, &mut all)?;
        }
        Ok(all)
    }

    /// Back to the start.
    pub fn rewind(&self) {
        // SAFETY: plain call on a descriptor of ours.
        unsafe { libc::lseek(self.0, 0, libc::SEEK_SET) };
    }
}

/// Reads a descriptor to its end.
pub fn read_into(fd: i32, all: &mut Vec<u8>) -> Result<(), i32> {
    loop {
        if all.capacity() == all.len() {
            all.reserve(64 * 1024);
        }
        if !read_some(fd, all)? {
            return Ok(());
        }
    }
}

/// Reads as much as there is room for; whether there was anything.
fn read_some(fd: i32, all: &mut Vec<u8>) -> Result<bool, i32> {
    loop {
        let room = all.spare_capacity_mut();
        // SAFETY: the kernel writes at most `room.len()` bytes at `room`.
        let read = unsafe { libc::read(fd, room.as_mut_ptr().cast(), room.len()) };
        match usize::try_from(read) {
            Ok(0) => return Ok(false),
            Ok(read) => {
                // SAFETY: the kernel filled `read` bytes behind the present ones.
                unsafe { all.set_len(all.len() + read) };
                return Ok(true);
            }
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return Err(errno()),
        }
    }
}

/// Writes all of it, in as many calls as the kernel wants.
pub fn write_all(fd: i32, mut bytes: &[u8]) -> Result<(), i32> {
    while !bytes.is_empty() {
        let written = write_once(fd, bytes)?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// One write.
pub fn write_once(fd: i32, bytes: &[u8]) -> Result<usize, i32> {
    loop {
        // SAFETY: `bytes` is readable for its length.
        let written = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
        match usize::try_from(written) {
            Ok(written) => return Ok(written),
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return Err(errno()),
        }
    }
}

/// What a file is known by without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Time of the last change, nanoseconds since 1970.
    pub modified: u64,
}

/// The stamp of a plain file, links followed.
#[must_use]
pub fn stamp(path: &[u8]) -> Option<Stamp> {
    let stat = stat_path(path)?;
    let nanoseconds = stat.st_mtime.cast_unsigned().wrapping_mul(1_000_000_000);
    Some(Stamp {
        size: stat.st_size.cast_unsigned(),
        modified: nanoseconds.wrapping_add(stat.st_mtime_nsec.cast_unsigned()),
    })
}

fn stat(fd: c_int) -> Option<libc::stat> {
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the kernel fills `stat` if it answers 0, and only then is it read.
    unsafe { (libc::fstat(fd, stat.as_mut_ptr()) == 0).then(|| stat.assume_init()) }
}

/// Whether a stream is open.
#[must_use]
pub fn is_open(fd: i32) -> bool {
    // SAFETY: plain call; a closed descriptor gives an error.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

/// Whether two paths lead to the same file, links followed.
#[must_use]
pub fn same_target(a: &[u8], b: &[u8]) -> bool {
    match (stat_path(a), stat_path(b)) {
        (Some(a), Some(b)) => (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino),
        _ => false,
    }
}

/// Whether two streams are the same file, as after `2>&1`.
#[must_use]
pub fn same_file(a: i32, b: i32) -> bool {
    match (stat(a), stat(b)) {
        (Some(a), Some(b)) => a.st_dev == b.st_dev && a.st_ino == b.st_ino,
        _ => false,
    }
}

/// Whether a stream is a terminal.
#[must_use]
pub fn is_terminal(fd: i32) -> bool {
    // SAFETY: plain call.
    unsafe { libc::isatty(fd) == 1 }
}

/// A plain file, seen as memory. It must be one that nobody cuts short meanwhile: a product whose tool has
/// ended, or a plan, which is only ever replaced as a whole.
#[derive(Debug)]
pub struct Map {
    at: *mut libc::c_void,
    len: usize,
}

impl Map {
    /// Maps a plain file that is not empty.
    #[must_use]
    pub fn open(path: &[u8]) -> Option<Self> {
        let fd = is_plain(path).then(|| Fd::read_only(path).ok())??;
        Self::new(&fd, fd.file_size()?, 0)
    }

    /// Maps so many bytes, with more flags for `mmap`.
    fn new(fd: &Fd, len: u64, flags: c_int) -> Option<Self> {
        let len = usize::try_from(len).ok().filter(|len| *len > 0)?;
        let flags = libc::MAP_PRIVATE | flags;
        // SAFETY: a new private mapping; the kernel picks the place, and it outlives the descriptor.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), len, libc::PROT_READ, flags, fd.number(), 0) };
        (at != libc::MAP_FAILED).then_some(Self { at, len })
    }

    /// Its content.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is readable for `len` bytes until `drop`.
        unsafe { std::slice::from_raw_parts(self.at.cast(), self.len) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no slice of it outlives us.
        unsafe { libc::munmap(self.at, self.len) };
    }
}

/// The content of a file that is read from end to end.
#[derive(Debug)]
pub enum Content {
    /// Where the kernel keeps it: no page is asked for and filled.
    Mapped(Map),
    /// A copy, where the file system cannot map.
    Read(Vec<u8>),
}

impl Content {
    /// Loads a plain file that is only ever replaced as a whole.
    pub fn load(path: &[u8]) -> Result<Self, i32> {
        let fd = Fd::read_only(path)?;
        let size = fd.file_size().ok_or(libc::EINVAL)?;
        match Map::new(&fd, size, libc::MAP_POPULATE) {
            Some(map) => Ok(Self::Mapped(map)),
            None => fd.read_sized(size).map(Self::Read),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map.bytes(),
            Self::Read(bytes) => bytes,
        }
    }
}

/// Reads a plain file. Pipes are left alone: reading one would take its content from the tool.
pub fn read_file(path: &[u8]) -> Result<Vec<u8>, i32> {
    let fd = Fd::read_only(path)?;
    let size = fd.file_size().ok_or(libc::EINVAL)?;
    fd.read_sized(size)
}

/// Reads a plain file, but not one that a tool would wait at to be opened, such as a pipe.
#[must_use]
pub fn read_plain(path: &[u8]) -> Option<Vec<u8>> {
    is_plain(path).then(|| read_file(path).ok())?
}

/// What the kernel says of the plain file at this path, links followed.
fn stat_path(path: &[u8]) -> Option<libc::stat> {
    let path = c_path(path)?;
    let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `path` is a C string; the kernel fills `stat` if it answers 0, and only then is it read.
    let stat =
        unsafe { (libc::stat(path.as_ptr().cast(), stat.as_mut_ptr()) == 0).then(|| stat.assume_init()) };
    stat.filter(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFREG)
}

/// Whether there is a plain file at this path, links followed.
fn is_plain(path: &[u8]) -> bool {
    stat_path(path).is_some()
}

/// Takes a file away; whether it was there does not matter.
pub fn remove(path: &[u8]) {
    if let Some(path) = c_path(path) {
        // SAFETY: `path` is a C string.
        unsafe { libc::unlink(path.as_ptr().cast()) };
    }
}

/// Room for a path: what nearly all need, then the most that the kernel gives.
const ROOMS: [usize; 2] = [256, libc::PATH_MAX as usize];

/// Where a symbolic link points.
#[must_use]
pub fn read_link(path: &[u8]) -> Option<Vec<u8>> {
    let path = c_path(path)?;
    for room in ROOMS {
        let mut target = vec![0; room];
        // SAFETY: the kernel writes at most `target.len()` bytes.
        let len = unsafe { libc::readlink(path.as_ptr().cast(), target.as_mut_ptr().cast(), target.len()) };
        let len = usize::try_from(len).ok()?;
        // One that fills its room was cut.
        if len < room {
            target.truncate(len);
            return Some(target);
        }
    }
    None
}

/// The path that the kernel was given to run this program. Without `/proc` it is all there is.
#[must_use]
pub fn exec_path() -> Option<Vec<u8>> {
    // SAFETY: the auxiliary vector lives as long as the process; AT_EXECFN is a C string in it, or 0.
    unsafe {
        let path = libc::getauxval(libc::AT_EXECFN) as *const c_char;
        (!path.is_null()).then(|| CStr::from_ptr(path).to_bytes().to_vec())
    }
}

/// The working folder; `None` if it was deleted.
#[must_use]
pub fn cwd() -> Option<Vec<u8>> {
    for room in ROOMS {
        let mut path = vec![0; room];
        // SAFETY: `getcwd` writes a C string of at most `path.len()` bytes, or answers null.
        if unsafe { libc::getcwd(path.as_mut_ptr().cast(), path.len()).is_null() } {
            if errno() == libc::ERANGE {
                continue;
            }
            return None;
        }
        let len = path.iter().position(|byte| *byte == 0)?;
        path.truncate(len);
        // A working folder outside of our root is shown as `(unreachable)/…`.
        return path.starts_with(b"/").then_some(path);
    }
    None
}

/// Nanoseconds since 1970.
#[must_use]
pub fn now() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel fills `time`.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time) };
    time.tv_sec.cast_unsigned().wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec.cast_unsigned())
}

/// Process numbers of this process and of its parent.
#[must_use]
pub fn pids() -> (i32, i32) {
    // SAFETY: both always succeed.
    unsafe { (libc::getpid(), libc::getppid()) }
}

/// What the kernel says of an error, with our own words for the usual ones (musl's are the same; this
/// keeps the tables of the C library out of the hot path).
#[must_use]
pub fn describe(errno: i32) -> String {
    match errno {
        libc::ENOENT => "no such file or directory".into(),
        libc::EACCES => "permission denied".into(),
        libc::E2BIG => "argument list too long".into(),
        libc::ENOSPC => "no space left on device".into(),
        other => std::io::Error::from_raw_os_error(other).to_string(),
    }
}
