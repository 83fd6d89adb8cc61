//! A real PostgreSQL for a test: own port, own folder, ended by its own process id.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tokio_postgres::{Client, NoTls};

/// The superuser's password: it may stand in no log, error or table.
pub const PASSWORD: &str = "canary-83c1-DO-NOT-PRINT";
/// The part of it to look for.
pub const CANARY: &str = "83c1";

/// A server, or one that was killed and can be started again over what it has.
pub struct PostgresServer {
    child: Option<Child>,
    port: u16,
    dir: tempfile::TempDir,
    binaries: PathBuf,
    user: Option<(u32, u32)>,
    more: Vec<String>,
}

/// Where the server's programs are: in the path, or where Debian has them.
fn binaries() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|e| e.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all: Vec<PathBuf> = debian.chain(std::env::split_paths(&path)).collect();
    all.retain(|dir| dir.join("initdb").exists() && dir.join("postgres").exists());
    all.into_iter().max()
}

/// Numbers of a user that is not root, since the server refuses to run as root; `None` if we are none.
fn other_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = Command::new("id").args(arguments).output().ok().filter(|o| o.status.success())?;
        String::from_utf8_lossy(&output.stdout).trim().parse::<u32>().ok()
    };
    (id(&["-u"]) == Some(0)).then(|| {
        let of = |name: &str| Some((id(&["-u", name])?, id(&["-g", name])?));
        of("postgres").or_else(|| of("nobody")).unwrap_or((65534, 65534))
    })
}

/// A port that nobody has now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl PostgresServer {
    /// Starts one with further settings (`name=value`); `None`, and it is said, where there is no PostgreSQL.
    pub fn start(more: &[&str]) -> Option<Self> {
        Self::start_with_files(more, &[])
    }

    /// The same; the files (keys) and folders become the server's own.
    pub fn start_with_files(more: &[&str], files: &[&Path]) -> Option<Self> {
        let Some(binaries) = binaries() else {
            println!("SKIPPED: there is no PostgreSQL server (initdb); tests/run installs it");
            return None;
        };
        let mut server = Self {
            child: None,
            port: free_port(),
            dir: tempfile::tempdir().unwrap(),
            binaries,
            user: other_user(),
            more: more.iter().map(|text| (*text).to_owned()).collect(),
        };
        let password = server.dir.path().join("password");
        std::fs::write(&password, PASSWORD).unwrap();
        for path in files {
            server.give(path);
        }
        server.give(server.dir.path());
        server.give(&password);
        let made = server
            .command("initdb")
            .arg("-D")
            .arg(server.data())
            .args(["-U", "admin", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg(format!("--pwfile={}", password.display()))
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.again();
        Some(server)
    }

    /// Makes a file or folder the server's own.
    pub fn give(&self, path: &Path) {
        if let Some((user, group)) = self.user {
            chown(path, Some(user), Some(group)).unwrap();
        }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let program = self.binaries.join(program);
        let Some((user, group)) = self.user else { return Command::new(program) };
        let mut command = Command::new("setpriv");
        command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups").arg(program);
        command
    }

    /// Starts it again over what it has.
    pub fn again(&mut self) {
        let begun = Instant::now();
        loop {
            let log = std::fs::OpenOptions::new().create(true).append(true).open(self.dir.path().join("log")).unwrap();
            let mut command = self.command("postgres");
            command.arg("-D").arg(self.data()).args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
            // A killed process loses nothing of what it gave to the kernel: no sync is needed for these tests.
            command.args(["-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "shared_buffers=32MB"]);
            for setting in &self.more {
                command.args(["-c", setting]);
            }
            let mut child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
            loop {
                assert!(begun.elapsed() < Duration::from_mins(1), "{}", self.log());
                // The processes of one that was killed may still be on their way out.
                if child.try_wait().unwrap().is_some() {
                    std::thread::sleep(Duration::from_millis(50));
                    break;
                }
                if self.try_ask(&self.url("admin", PASSWORD, "postgres"), "SELECT 1").is_ok() {
                    self.child = Some(child);
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// What it logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its own process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// An address in it.
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgresql://{user}:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// The address of the superuser in the database `postgres`.
    pub fn admin(&self) -> String {
        self.url("admin", PASSWORD, "postgres")
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Does `work` with a connection to `url`.
    #[expect(clippy::unused_self, reason = "a connection to this server, whatever the user and the way to it")]
    pub fn with<T, F: Future<Output = T>>(&self, url: &str, work: impl FnOnce(Client) -> F) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
            tokio::spawn(async move { drop(connection.await) });
            work(client).await
        })
    }

    /// What a query over the text protocol answers: rows of texts, `NULL` as an empty one.
    #[expect(clippy::unused_self, reason = "as `with`")]
    pub fn try_ask(&self, url: &str, query: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
            tokio::spawn(async move { drop(connection.await) });
            let mut rows = Vec::new();
            for message in client.simple_query(query).await? {
                if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
                    rows.push((0..row.len()).map(|at| row.get(at).unwrap_or("").to_owned()).collect());
                }
            }
            Ok(rows)
        })
    }

    /// The same as the superuser, of whom it is not refused.
    #[track_caller]
    pub fn ask(&self, query: &str) -> Vec<Vec<String>> {
        self.try_ask(&self.admin(), query).unwrap_or_else(|e| panic!("{query}: {}", words(&e)))
    }

    /// The one number that a query answers.
    #[track_caller]
    pub fn number(&self, query: &str) -> u64 {
        let rows = self.ask(query);
        rows[0][0].parse().unwrap_or_else(|e| panic!("{query}: {rows:?}: {e}"))
    }

    /// What the server says against a query.
    #[track_caller]
    pub fn refusal(&self, url: &str, query: &str) -> String {
        words(&self.try_ask(url, query).expect_err(query))
    }
}

/// An error with what the server said.
pub fn words(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |said| format!("{} {}", said.code().code(), said.message()))
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.kill();
    }
}
