//! TLS and SCRAM to real servers: the tests of both engines that only a build with OpenSSL has.
//!
//! Nothing else is built with it, so librdkafka is compiled once more here.

use std::env;

use crate::{
    failure::{Failure, Result},
    packages,
    process::{Workspace, ask, check},
    servers::Servers,
};

const PACKAGES: [&str; 2] = ["libssl-dev", "pkg-config"];

const REMEDY: &str = "apt-get install -y libssl-dev pkg-config, or OPENSSL_DIR with the place of an OpenSSL";

/// Words in the names of the tests that talk TLS, or SCRAM, which needs OpenSSL too.
const TESTS: [&str; 2] = ["tls", "scram"];

pub(crate) fn run(workspace: &Workspace, servers: &Servers) -> Result<()> {
    provide(workspace)?;
    let mut command = workspace.cargo();
    command
        .args(["test", "-p", "event-log", "-p", "chat-store"])
        .args(["--features", "event-log/kafka-tls,chat-store/cassandra-tls"])
        .args(["--lib", "--test", "kafka", "--"])
        .args(TESTS)
        .envs(servers.variables.iter().cloned());
    check(&mut command)
}

/// OpenSSL and its headers. On a Debian where we are root, what is missing is installed.
fn provide(workspace: &Workspace) -> Result<()> {
    if found(workspace) {
        return Ok(());
    }
    if packages::can_install(workspace) {
        packages::install(workspace, "OpenSSL's headers", &PACKAGES)?;
    }
    if found(workspace) {
        return Ok(());
    }
    Err(Failure::Missing { what: "OpenSSL with its headers".into(), remedy: REMEDY.into() })
}

fn found(workspace: &Workspace) -> bool {
    env::var_os("OPENSSL_DIR").is_some()
        || ask(workspace.command("pkg-config").args(["--modversion", "openssl"])).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_to_run_installs_all_packages() {
        for package in PACKAGES {
            assert!(REMEDY.contains(package), "{package}");
        }
    }

    /// `cargo test` is content with no test of a name.
    #[test]
    fn the_tests_are_where_they_are_looked_for() {
        let workspace = Workspace::find();
        for (file, name) in [
            ("crates/event-log/tests/kafka/security.rs", "fn tls_opens("),
            ("crates/event-log/tests/kafka/security.rs", "fn scram_opens("),
            ("crates/chat-store/src/cassandra/tests/faults.rs", "fn tls_tells_the_right_database("),
        ] {
            let text = std::fs::read_to_string(workspace.path(file)).expect(file);
            assert!(text.contains(name) && TESTS.iter().any(|word| name.contains(word)), "{file}: {name}");
        }
    }
}
