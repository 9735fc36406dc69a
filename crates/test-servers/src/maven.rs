//! Jars from Maven Central, and the folders under `target/test-servers` that everything lies in.

use std::{
    env, fs,
    io::{self, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

/// `target/test-servers`, wherever the target folder is.
pub fn root() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    target.join("test-servers")
}

/// Fetches jars with all that they need (each as `group:artifact:version`) into `root/name`, once; whoever comes second
/// waits for the first. Gives the folder of the jars.
///
/// # Errors
/// When Maven is missing or cannot fetch them.
pub fn jars(root: &Path, name: &str, dependencies: &[&str]) -> io::Result<PathBuf> {
    let folder = root.join(name);
    fs::create_dir_all(&folder)?;
    let lock = fs::File::create(folder.join("lock"))?;
    lock.lock()?;
    let (jars, complete) = (folder.join("jars"), folder.join("complete"));
    if complete.exists() {
        return Ok(jars);
    }
    say(&format!("{name}: fetching it by Maven into {}, this once …", jars.display()));
    let began = Instant::now();
    fs::write(folder.join("pom.xml"), pom(dependencies))?;
    let fetched = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=jars"])
        .current_dir(&folder)
        .output()
        .map_err(|e| io::Error::new(e.kind(), format!("mvn: {e}")))?;
    if !fetched.status.success() {
        return Err(io::Error::other(format!("mvn: {}", String::from_utf8_lossy(&fetched.stdout))));
    }
    fs::write(complete, "")?;
    let count = fs::read_dir(&jars)?.count();
    say(&format!("{name}: {count} jars fetched in {:.0} s", began.elapsed().as_secs_f64()));
    Ok(jars)
}

/// Straight to standard error: a test's captured output would show it when the waiting is over.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "test-servers: {line}");
}

fn pom(dependencies: &[&str]) -> String {
    let mut lines = String::new();
    for dependency in dependencies {
        let mut parts = dependency.splitn(3, ':');
        let mut part = || parts.next().unwrap_or_default();
        let (group, artifact, version) = (part(), part(), part());
        lines.push_str(&format!(
            "    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>\n"
        ));
    }
    format!(
        "<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>test-servers</groupId>
  <artifactId>jars</artifactId>
  <version>1</version>
  <dependencies>
{lines}  </dependencies>
</project>
"
    )
}

/// Makes a new folder for one server's run, and takes those away whose processes are no more.
///
/// # Errors
/// When the system refuses.
pub fn run_folder(root: &Path) -> io::Result<PathBuf> {
    static RUNS: AtomicU32 = AtomicU32::new(0);
    remove_old_runs(root);
    let folder = root.join(format!("run-{}-{}", process::id(), RUNS.fetch_add(1, Ordering::Relaxed)));
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn remove_old_runs(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let id = name.to_str().and_then(|n| n.strip_prefix("run-")).and_then(|n| n.split('-').next());
        if id.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Some free ports, all held until all are known.
///
/// # Errors
/// When there are none.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let listeners: Vec<_> = (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<_>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
