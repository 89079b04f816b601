//! Fetching packages over HTTP: through the user's proxy, with what a server can do wrong, and with an end by Ctrl-C.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod debian;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use debian::{Archive, File, done, names, refused};

/// Serves the mirror under any name of a host, so that it can be a proxy too; what it is asked for goes to stdout. A path that ends
/// in `.deb` is answered in the way that its argument says.
const SERVER: &str = r#"
import http.server, os, sys, time, urllib.parse
root, manner = sys.argv[1], sys.argv[2]
tried = set()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path, flush=True)
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        deb, first = path.endswith(".deb"), path not in tried
        tried.add(path)
        if not os.path.isfile(root + path):
            return self.send_error(404)
        if deb and first and manner == "busy":
            return self.send_error(503)
        body = open(root + path, "rb").read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if deb and (manner == "stall" or first and manner == "break"):
            self.wfile.write(body[:20])
            self.wfile.flush()
            if manner == "stall":
                time.sleep(300)
            return
        self.wfile.write(body)
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// A server with an archive of one package, which is signed by `test`.
struct Served {
    archive: Archive,
    child: Child,
    asked: BufReader<std::process::ChildStdout>,
    port: u16,
}

impl Served {
    fn new(manner: &str) -> Self {
        let mut archive = Archive::new();
        archive.package("libdemo", "1:1.0+b1~x", "", &[("./usr/lib/libdemo.so", File("demo"))]);
        archive.publish("test");
        let mut child = Command::new("python3")
            .args(["-c", SERVER])
            .arg(archive.at("mirror"))
            .arg(manner)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut asked = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        asked.read_line(&mut line).unwrap();
        Self { archive, child, asked, port: line.trim().parse().unwrap() }
    }

    /// `crosswheel sysroot add` of the package, by this mirror.
    fn add(&self, host: &str) -> Command {
        let mut command = self.archive.crosswheel();
        for name in
            ["http_proxy", "HTTP_PROXY", "https_proxy", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"]
        {
            command.env_remove(name);
        }
        let mirror = format!("http://{host}");
        command.args(["sysroot", "add", "aarch64", "libdemo", "--mirror", &mirror, "--keyring"]);
        command.arg(self.archive.at("test.gpg"));
        command
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The next thing that the server is asked for.
    fn next(&mut self) -> String {
        let mut line = String::new();
        self.asked.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn packages_come_through_the_proxy_of_the_user() {
    let mut served = Served::new("well");
    let proxy = format!("http://{}", served.address());
    done(&served.add("debian.invalid").env("http_proxy", proxy).output().unwrap());
    assert_eq!(served.next(), "http://debian.invalid/dists/bookworm/InRelease");
    assert!(served.archive.sysroot().join("usr/lib/libdemo.so").is_file());
}

#[test]
fn a_server_that_is_busy_or_breaks_off_is_asked_again() {
    for manner in ["busy", "break"] {
        let served = Served::new(manner);
        done(&served.add(&served.address()).output().unwrap());
        assert!(served.archive.sysroot().join("usr/lib/libdemo.so").is_file(), "{manner}");
    }
}

#[test]
fn what_a_server_does_not_have_is_told_by_its_address() {
    let served = Served::new("well");
    let pool = served.archive.at("mirror/pool");
    let file = names(&pool).remove(0);
    fs::remove_file(pool.join(&file)).unwrap();
    let told = refused(&served.add(&served.address()).output().unwrap(), 1);
    assert!(told.contains(&format!("http://{}/pool/{file}: HTTP 404", served.address())), "{told}");
}

#[test]
fn an_interrupt_ends_all_and_leaves_nothing_half_made() {
    let mut served = Served::new("stall");
    let mut running = served.add(&served.address()).stderr(Stdio::null()).spawn().unwrap();
    while !served.next().contains("/pool/") {}
    let id = running.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let start = Instant::now();
    let status = running.wait().unwrap();
    assert!(start.elapsed() < Duration::from_secs(20), "it does not wait for the server");
    assert_eq!(status.signal(), Some(2), "a shell sees that it was interrupted");
    assert_eq!(served.archive.list("packages"), [""; 0]);
    assert_eq!(served.archive.list("sysroots"), [""; 0]);
    assert_eq!(names(&served.archive.at("tmp")), [""; 0]);
}
